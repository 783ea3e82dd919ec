/* attention.cu — softmax(scale q k^T + bias + relative position) v: a block takes 64 queries of a
 * head and walks over the keys with a running maximum. On tensor cores where the card and the
 * operands allow (cuda/attend_mma.h), else with f32 arithmetic. */
#include "cuda/attend_mma.h"

/* Where the softmax of the thread's rows stands. */
struct running {
    float top[SS_AT_PER], sum[SS_AT_PER];
};

/* Sum or largest over the 16 threads of a row, for each of them. */
SS_DEVICE float row_max(float x)
{
    for (int d = SS_AT_SIDE / 2; d > 0; d /= 2) x = fmaxf(x, __shfl_xor_sync(SS_ALL, x, d));
    return x;
}
SS_DEVICE float row_sum(float x)
{
    for (int d = SS_AT_SIDE / 2; d > 0; d /= 2) x += __shfl_xor_sync(SS_ALL, x, d);
    return x;
}

/* Logits s become weights in p; what was summed before shrinks to the new maximum. */
template <int NC>
SS_DEVICE void advance(ss_at_square s, running *r, float (&acc)[SS_AT_PER][NC], float *p)
{
    SS_UNROLL
    for (int i = 0; i < SS_AT_PER; i++) {
        float max = -INFINITY, part = 0;
        SS_UNROLL
        for (int j = 0; j < SS_AT_PER; j++) max = fmaxf(max, s[i][j]);
        const float now = fmaxf(r->top[i], row_max(max));
        const float base = now == -INFINITY ? 0 : now; /* nothing but -inf so far */
        const float f = expf(r->top[i] - base);
        SS_UNROLL
        for (int j = 0; j < SS_AT_PER; j++) {
            const float e = expf(s[i][j] - base);
            p[(ss_at_ty() + i) * SS_AT_WIDE + ss_at_tx() + SS_AT_SIDE * j] = e;
            part += e;
        }
        r->sum[i] = r->sum[i] * f + row_sum(part);
        r->top[i] = now;
        SS_UNROLL
        for (int j = 0; j < NC; j++) acc[i][j] *= f;
    }
}

/* What a block made of its part of the keys. */
template <int NC>
SS_DEVICE void keep_part(const ss_cuda_attend &a, int64_t unit, int64_t t0, int64_t c0,
                         const running &r, const float (&acc)[SS_AT_PER][NC])
{
    const int64_t first = (blockIdx.y * a.units + unit) * a.tq;
    SS_UNROLL
    for (int i = 0; i < SS_AT_PER; i++) {
        const int64_t t = t0 + ss_at_ty() + i;
        SS_UNROLL
        for (int j = 0; j < NC && t < a.tq; j++) {
            const int64_t col = c0 + ss_at_tx() + SS_AT_SIDE * j;
            if (col < a.e) a.part_acc[(first + t) * a.e + col] = acc[i][j];
        }
        if (ss_at_tx() || c0 || t >= a.tq) continue;
        a.part_state[(first + t) * 2] = r.top[i];
        a.part_state[(first + t) * 2 + 1] = r.sum[i];
    }
}

/* Puts the parts together, in their order. */
SS_KERNEL(join_parts)(ss_cuda_attend a, ss_view y, float *lse)
{
    const int64_t rows = a.units * a.tq;
    SS_EACH (i, rows * a.e) {
        int64_t col, t, h;
        const int64_t row = ss_split(i, a.e, &col);
        const int64_t n = ss_split(ss_split(row, a.tq, &t), a.heads, &h);
        float top = -INFINITY, sum = 0, s = 0;
        for (int64_t p = 0; p < a.parts; p++) top = fmaxf(top, a.part_state[(p * rows + row) * 2]);
        const float base = top == -INFINITY ? 0 : top;
        for (int64_t p = 0; p < a.parts; p++) {
            const float *state = a.part_state + (p * rows + row) * 2, f = expf(state[0] - base);
            sum += state[1] * f;
            s += a.part_acc[(p * rows + row) * a.e + col] * f;
        }
        ss_store(y.data, y.dtype, ((n * a.tq + t) * a.heads + h) * a.e + col, s / sum);
        if (col == 0) lse[row] = top + logf(sum);
    }
}

template <int NC> SS_KERNEL(attend_tiles)(ss_at_args c, ss_view y, float *lse, int64_t c0)
{
    SS_SHARED(ss_quad, stage_, [SS_AT_STAGE / 4]);
    SS_SHARED(ss_quad, p_, [SS_AT_TILE * SS_AT_WIDE / 4]);
    float *stage = (float *)stage_, *p = (float *)p_;
    const ss_cuda_attend &a = c.a;
    const int64_t tiles = (a.tq + SS_AT_TILE - 1) / SS_AT_TILE;
    const ss_at_unit u = ss_at_unit_of(a, blockIdx.x / tiles);
    const int64_t t0 = blockIdx.x % tiles * SS_AT_TILE, begin = blockIdx.y * a.part;
    const int64_t last = blockIdx.y + 1 < gridDim.y ? begin + a.part : a.keys;
    const ss_at_rows v = ss_at_head(c.v, c.pad, 2, u.n, u.h, 1);
    running r;
    float acc[SS_AT_PER][NC];
    ss_at_clear<NC>(acc);
    SS_UNROLL
    for (int i = 0; i < SS_AT_PER; i++) r.top[i] = -INFINITY, r.sum[i] = 0;
    for (int64_t k0 = begin; k0 < last; k0 += SS_AT_TILE) {
        ss_at_square s;
        ss_at_logits(s, c, u, t0, a.tq, k0, stage);
        advance<NC>(s, &r, acc, p);
        ss_at_accumulate<NC>(acc, p, v, k0, c0, a.e, stage);
    }
    if (a.parts > 1) return keep_part<NC>(a, u.i, t0, c0, r, acc);
    SS_UNROLL
    for (int i = 0; i < SS_AT_PER; i++) {
        const int64_t t = t0 + ss_at_ty() + i;
        SS_UNROLL
        for (int j = 0; j < NC; j++) acc[i][j] /= r.sum[i];
        if (ss_at_tx() == 0 && c0 == 0 && t < a.tq) lse[u.i * a.tq + t] = r.top[i] + logf(r.sum[i]);
    }
    ss_at_write<NC>(acc, y, (u.n * a.tq * a.heads + u.h) * a.e, a.heads * a.e, t0, a.tq, c0, a.e);
}

template <int NC> static void run(ss_call *c, ss_gpu *g, const ss_at_args &args)
{
    const dim3 blocks((unsigned)(args.a.units * ss_at_query_tiles(args.a)), (unsigned)args.a.parts);
    for (int64_t c0 = 0; c0 < args.a.e; c0 += SS_AT_SIDE * NC)
        SS_LAUNCH(g, attend_tiles<NC>, blocks, SS_AT_THREADS, 0, args, c->out[0],
                  ss_out_ptr<float>(c, 1), c0);
}

template <class T> static void run_mma(ss_call *c, ss_gpu *g, const ss_at_args &args)
{
    const dim3 blocks((unsigned)(args.a.units * ss_at_query_tiles(args.a)), (unsigned)args.a.parts);
    SS_AM_WIDTHS(args.a.e, EP, BN,
                 SS_LAUNCH(g, (attend_mma<T, EP, BN>), blocks, SS_AM_THREADS, 0, args, c->out[0],
                           ss_out_ptr<float>(c, 1));)
}

template <class T> static void terms_mma(ss_gpu *g, const ss_at_args &args)
{
    const dim3 blocks = ss_at_term_blocks(args.a);
    if (args.a.e <= 16)
        SS_LAUNCH(g, (ss_am_terms<T, 16>), blocks, SS_AM_THREADS, 0, args);
    else if (args.a.e <= 32)
        SS_LAUNCH(g, (ss_am_terms<T, 32>), blocks, SS_AM_THREADS, 0, args);
    else if (args.a.e <= 64)
        SS_LAUNCH(g, (ss_am_terms<T, 64>), blocks, SS_AM_THREADS, 0, args);
    else
        SS_LAUNCH(g, (ss_am_terms<T, 96>), blocks, SS_AM_THREADS, 0, args);
}
static bool by_tensor_cores(ss_gpu *g, const ss_at_args &args, const ss_view *y)
{
    const bool fits = ss_am_fits(g, args, y), terms = args.a.rel && ss_am_tables_fit(args);
    if (fits && terms && y->dtype == SS_F16) terms_mma<ss_f16>(g, args);
    if (fits && terms && y->dtype == SS_BF16) terms_mma<ss_bf16>(g, args);
    ss_at_prepare(g, args, fits && terms);
    return fits;
}

SS_KERNEL(no_keys)(float *lse, int64_t n)
{
    SS_EACH (i, n) lse[i] = -INFINITY;
}

SS_TWIN(attention)
{
    const ss_at_args args = ss_at_args_of(c, false);
    const ss_view *y = &c->out[0];
    if (y->count == 0) return SS_OK;
    if (args.a.keys == 0) {
        cudaMemsetAsync(y->data, 0, (size_t)y->count * ss_dtype_bytes(y->dtype), g->stream);
        SS_LAUNCH(g, no_keys, ss_grid(g, c->out[1].count), SS_BLOCK, 0, ss_out_ptr<float>(c, 1),
                  c->out[1].count);
        return ss_launched(c, g);
    }
    if (!by_tensor_cores(g, args, y))
        SS_AT_WIDTHS(args.a.e, 16, NC, run<NC>(c, g, args);)
    else if (y->dtype == SS_F16)
        run_mma<ss_f16>(c, g, args);
    else
        run_mma<ss_bf16>(c, g, args);
    if (args.a.parts > 1)
        SS_LAUNCH(g, join_parts, ss_grid(g, y->count), SS_BLOCK, 0, args.a, c->out[0],
                  ss_out_ptr<float>(c, 1));
    return ss_launched(c, g);
}
