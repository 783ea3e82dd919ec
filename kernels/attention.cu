/* attention.cu — softmax(scale q k^T + bias + relative position) v: a block takes 64 queries of a
 * head and walks over the keys with a running maximum. */
#include "cuda/attend_rel.h"

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
    for (int i = 0; i < SS_AT_PER; i++) {
        float max = -INFINITY, part = 0;
        for (int j = 0; j < SS_AT_PER; j++) max = fmaxf(max, s[i][j]);
        const float now = fmaxf(r->top[i], row_max(max));
        const float base = now == -INFINITY ? 0 : now; /* nothing but -inf so far */
        const float f = expf(r->top[i] - base);
        for (int j = 0; j < SS_AT_PER; j++) {
            const float e = expf(s[i][j] - base);
            p[(ss_at_ty() + i) * SS_AT_WIDE + ss_at_tx() + SS_AT_SIDE * j] = e;
            part += e;
        }
        r->sum[i] = r->sum[i] * f + row_sum(part);
        r->top[i] = now;
        for (int j = 0; j < NC; j++) acc[i][j] *= f;
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
    const int64_t t0 = blockIdx.x % tiles * SS_AT_TILE;
    const ss_at_rows v = ss_at_head(c.v, c.pad, 2, u.n, u.h, 1);
    running r;
    float acc[SS_AT_PER][NC];
    ss_at_clear<NC>(acc);
    for (int i = 0; i < SS_AT_PER; i++) r.top[i] = -INFINITY, r.sum[i] = 0;
    for (int64_t k0 = 0; k0 < a.keys; k0 += SS_AT_TILE) {
        ss_at_square s;
        ss_at_logits(s, c, u, t0, a.tq, k0, stage);
        advance<NC>(s, &r, acc, p);
        ss_at_accumulate<NC>(acc, p, v, k0, c0, a.e, stage);
    }
    for (int i = 0; i < SS_AT_PER; i++) {
        const int64_t t = t0 + ss_at_ty() + i;
        for (int j = 0; j < NC; j++) acc[i][j] /= r.sum[i];
        if (ss_at_tx() == 0 && c0 == 0 && t < a.tq) lse[u.i * a.tq + t] = r.top[i] + logf(r.sum[i]);
    }
    ss_at_write<NC>(acc, y, (u.n * a.tq * a.heads + u.h) * a.e, a.heads * a.e, t0, a.tq, c0, a.e);
}

template <int NC> static void run(ss_call *c, ss_gpu *g, const ss_at_args &args)
{
    const unsigned blocks = (unsigned)(args.a.units * ss_at_query_tiles(args.a));
    for (int64_t c0 = 0; c0 < args.a.e; c0 += SS_AT_SIDE * NC)
        SS_LAUNCH(g, attend_tiles<NC>, blocks, SS_AT_THREADS, 0, args, c->out[0],
                  ss_out_ptr<float>(c, 1), c0);
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
    ss_at_prepare(g, args);
    SS_AT_WIDTHS(args.a.e, 16, NC, run<NC>(c, g, args);)
    return ss_launched(c, g);
}
