/* attend_mma.h — attention on tensor cores: f16 or bf16 throughout, a block of four warps takes 64
 * queries of a head, each warp 16 of them, and walks over the keys with a running maximum. Weights
 * are rounded to the operands' type before they meet v; sums, logits and the softmax are f32.
 * T. Dao et al., FlashAttention-2, 2023. */
#ifndef SEMISAM_CUDA_ATTEND_MMA_H
#define SEMISAM_CUDA_ATTEND_MMA_H
#include "attend_rel.h"
#include "mma.h"

enum { SS_AM_THREADS = 128, SS_AM_ROWS = 64 };

/* Operands that ss_mma_load() can read: rows of whole runs. */
static inline bool ss_am_reads(const ss_view *v, ss_dtype t, int64_t e)
{
    return v->dtype == t && v->stride[3] == 1 && (intptr_t)v->data % 16 == 0 && e % SS_RUN == 0 &&
           v->stride[0] % SS_RUN == 0 && v->stride[1] % SS_RUN == 0 && v->stride[2] % SS_RUN == 0;
}
static inline bool ss_am_fits(const ss_gpu *g, const ss_at_args &c, const ss_view *y)
{
    const ss_dtype t = c.q.dtype;
    return ss_mma_has(g, t) && c.a.e <= 256 && ss_am_reads(&c.q, t, c.a.e) &&
           ss_am_reads(&c.k, t, c.a.e) && ss_am_reads(&c.v, t, c.a.e) && y->dtype == t &&
           (intptr_t)y->data % 16 == 0;
}

/* First element of a head's token. */
template <class T> SS_DEVICE const T *ss_am_at(const ss_view &v, const ss_at_unit &u, int64_t token)
{
    return (const T *)v.data + u.n * v.stride[0] + token * v.stride[1] + u.h * v.stride[2];
}

/* What a thread keeps of its rows g and g + 8: the softmax so far, and where their position terms
 * are. The official form takes two terms from the first query of the row's line. */
struct ss_am_rows {
    float top[2], sum[2];
    int64_t t[2];
    const float *own[2], *line[2];
};
SS_DEVICE void ss_am_start(ss_am_rows *r, const ss_at_args &c, const ss_at_unit &u, int64_t t)
{
    const ss_cuda_attend &a = c.a;
    for (int i = 0; i < 2; i++) {
        int64_t last = 0;
        r->top[i] = -INFINITY, r->sum[i] = 0;
        r->t[i] = t + 8 * i < a.tq ? t + 8 * i : a.tq - 1; /* rows beyond are not written */
        r->own[i] = r->line[i] = a.terms + (u.i * a.tq + r->t[i]) * a.wide;
        if (a.rel != SS_REL_3D_OFFICIAL) continue;
        ss_split(r->t[i], a.grid[2], &last);
        r->line[i] -= last * a.wide;
    }
}

/* Where the three terms of a tile's keys lie in a row of terms, by thread. */
template <int BN> SS_DEVICE void ss_am_offsets(int (*off)[BN], const ss_cuda_attend &a, int64_t k0)
{
    for (int j = threadIdx.x; j < BN; j += SS_AM_THREADS) {
        const int64_t k = k0 + j < a.tk ? k0 + j : a.tk - 1;
        int64_t p[3];
        ss_at_spot(a, k, p);
        const bool official = a.rel == SS_REL_3D_OFFICIAL;
        off[0][j] = (int)(official ? p[2] : p[0]);
        off[1][j] = (int)(official ? p[0] * a.wide + a.off[1] + p[2] : a.off[1] + p[1]);
        off[2][j] = (int)(official      ? p[1] * a.wide + a.off[2] + p[2]
                          : a.axes == 3 ? a.off[2] + p[2]
                                        : -1);
    }
}

/* Logits: scaled, with bias and position terms, -inf beyond `last`. */
template <int BN>
SS_DEVICE void ss_am_logits(float (*s)[4], const ss_am_rows &r, const ss_at_args &c,
                            const ss_at_unit &u, int64_t k0, int64_t last, const int (*off)[BN])
{
    const ss_cuda_attend &a = c.a;
    const ss_view &b = c.bias;
    const bool plain = !b.present && !a.rel;
    const int64_t bias = b.present ? (b.shape[0] > 1 ? u.n : 0) * b.stride[0] +
                                         (b.shape[1] > 1 ? u.h : 0) * b.stride[1]
                                   : 0;
    SS_UNROLL
    for (int n = 0; n < BN / 8; n++) SS_UNROLL
    for (int x = 0; x < 4; x++) {
        const int i = x / 2, j = 8 * n + threadIdx.x % 4 * 2 + x % 2;
        const int64_t k = k0 + j;
        float y = s[n][x] * a.scale;
        if (!plain && k < last) {
            if (b.present)
                y += ss_load(b.data, b.dtype, bias + r.t[i] * b.stride[2] + k * b.stride[3]);
            if (a.rel) y += r.own[i][off[0][j]] + r.line[i][off[1][j]];
            if (a.rel && off[2][j] >= 0) y += r.line[i][off[2][j]];
        }
        s[n][x] = k < last ? y : -INFINITY;
    }
}

/* Over the four lanes that share a row. */
SS_DEVICE float ss_am_row_max(float x)
{
    x = fmaxf(x, __shfl_xor_sync(SS_ALL, x, 1));
    return fmaxf(x, __shfl_xor_sync(SS_ALL, x, 2));
}
SS_DEVICE float ss_am_row_sum(float x)
{
    x += __shfl_xor_sync(SS_ALL, x, 1);
    return x + __shfl_xor_sync(SS_ALL, x, 2);
}

/* Logits become weights; what was summed before shrinks to the new maximum. */
template <int EP, int BN>
SS_DEVICE void ss_am_advance(float (*s)[4], ss_am_rows *r, float (*acc)[4])
{
    SS_UNROLL
    for (int i = 0; i < 2; i++) {
        float max = -INFINITY, part = 0;
        SS_UNROLL
        for (int n = 0; n < BN / 8; n++) max = fmaxf(max, fmaxf(s[n][2 * i], s[n][2 * i + 1]));
        const float now = fmaxf(r->top[i], ss_am_row_max(max));
        const float base = now == -INFINITY ? 0 : now; /* nothing but -inf so far */
        const float f = ss_exp_fast(r->top[i] - base);
        SS_UNROLL
        for (int n = 0; n < BN / 8; n++) SS_UNROLL
        for (int j = 2 * i; j < 2 * i + 2; j++) {
            s[n][j] = ss_exp_fast(s[n][j] - base);
            part += s[n][j];
        }
        r->sum[i] = r->sum[i] * f + ss_am_row_sum(part);
        r->top[i] = now;
        SS_UNROLL
        for (int n = 0; n < EP / 8; n++) acc[n][2 * i] *= f, acc[n][2 * i + 1] *= f;
    }
}

/* s = q k^T of the warp's rows and BN keys. */
template <int EP, int BN, class T>
SS_DEVICE void ss_am_product(float (*s)[4], const T *q, const T *k, int row)
{
    SS_UNROLL
    for (int n = 0; n < BN / 8; n++) SS_UNROLL
    for (int j = 0; j < 4; j++) s[n][j] = 0;
    SS_UNROLL
    for (int d = 0; d < EP; d += 16) {
        uint32_t a[4];
        ss_mma_left<EP>(a, q, row, d);
        SS_UNROLL
        for (int n = 0; n < BN; n += 16) {
            uint32_t b[4];
            ss_mma_right<EP>(b, k, n, d);
            ss_mma<T>(s[n / 8], a, b);
            ss_mma<T>(s[n / 8 + 1], a, b + 2);
        }
    }
}
/* acc += weights v. */
template <int EP, int BN, class T>
SS_DEVICE void ss_am_gather(float (*acc)[4], float (*s)[4], const T *v)
{
    SS_UNROLL
    for (int k = 0; k < BN / 8; k += 2) {
        const uint32_t a[4] = {ss_pack2<T>(s[k][0], s[k][1]), ss_pack2<T>(s[k][2], s[k][3]),
                               ss_pack2<T>(s[k + 1][0], s[k + 1][1]),
                               ss_pack2<T>(s[k + 1][2], s[k + 1][3])};
        SS_UNROLL
        for (int n = 0; n < EP; n += 16) {
            uint32_t b[4];
            ss_mma_right_turned<EP>(b, v, 8 * k, n);
            ss_mma<T>(acc[n / 8], a, b);
            ss_mma<T>(acc[n / 8 + 1], a, b + 2);
        }
    }
}

/* The one key that stands for all padding tokens comes before the others. */
template <int EP, class T>
SS_DEVICE void ss_am_padding(ss_am_rows *r, float (*acc)[4], const ss_at_args &c,
                             const ss_at_unit &u, const T *q, int row)
{
    const ss_cuda_attend &a = c.a;
    const ss_view &p = c.pad;
    const int64_t k = p.stride[0] + u.h * p.stride[1], v = k + p.stride[0];
    const int quarter = threadIdx.x % 4;
    for (int i = 0; i < 2; i++) {
        float dot = 0;
        for (int d = quarter; d < a.e; d += 4)
            dot += ss_f32(q[(row + threadIdx.x % SS_WARP / 4 + 8 * i) * SS_MMA_PITCH(EP) + d]) *
                   ss_load(p.data, p.dtype, k + d * p.stride[2]);
        r->top[i] = ss_am_row_sum(dot) * a.scale + a.pad_log[u.i * a.tq + r->t[i]];
        r->sum[i] = 1;
    }
    SS_UNROLL
    for (int n = 0; n < EP / 8; n++) SS_UNROLL
    for (int j = 0; j < 4; j++) {
        const int col = 8 * n + 2 * quarter + j % 2;
        acc[n][j] = col < a.e ? ss_load(p.data, p.dtype, v + col * p.stride[2]) : 0;
    }
}

/* Results of row i of the thread's two: divided, in y; or as they are, in part `part`. */
template <int EP, class T>
SS_DEVICE void ss_am_write(const ss_am_rows &r, float (*acc)[4], const ss_at_args &c,
                           const ss_at_unit &u, int i, int64_t part, T *y, float *lse)
{
    const ss_cuda_attend &a = c.a;
    const int64_t line = u.i * a.tq + r.t[i], first = (u.n * a.tq + r.t[i]) * a.heads + u.h;
    const int quarter = threadIdx.x % 4;
    float *whole = a.part_acc + (part * a.units * a.tq + line) * a.e;
    SS_UNROLL
    for (int n = 0; n < EP / 8; n++) {
        const int col = 8 * n + 2 * quarter;
        const float low = acc[n][2 * i], high = acc[n][2 * i + 1];
        if (col >= a.e) continue;
        if (a.parts > 1)
            whole[col] = low, whole[col + 1] = high;
        else
            *(uint32_t *)(y + first * a.e + col) = ss_pack2<T>(low / r.sum[i], high / r.sum[i]);
    }
    if (quarter) return;
    if (a.parts > 1) {
        float *state = a.part_state + (part * a.units * a.tq + line) * 2;
        state[0] = r.top[i], state[1] = r.sum[i];
    } else {
        lse[line] = r.top[i] + logf(r.sum[i]);
    }
}

/* ---- position terms ----------------------------------------------------------------------------
 */

/* Tables that ss_am_terms() multiplies with. */
static inline bool ss_am_tables_fit(const ss_at_args &c)
{
    bool fit = c.a.e <= 96;
    for (int x = 0; x < c.a.axes && c.a.rel; x++) {
        const ss_view &t = c.table[x];
        fit = fit && t.dtype == c.q.dtype && t.stride[1] == 1 && t.stride[0] % SS_RUN == 0 &&
              (intptr_t)t.data % 16 == 0;
    }
    return fit;
}
/* ss_at_terms() on tensor cores: a tile of queries of a unit (x), a tile of table rows (y). */
template <class T, int EP> SS_KERNEL(ss_am_terms)(ss_at_args c)
{
    enum { PITCH = SS_MMA_PITCH(EP), BN = SS_AT_TILE };
    SS_SHARED(ss_packed<T>, q_, [SS_AM_ROWS * PITCH / SS_RUN]);
    SS_SHARED(ss_packed<T>, k_, [BN * PITCH / SS_RUN]);
    T *q = (T *)q_, *k = (T *)k_;
    const ss_cuda_attend &a = c.a;
    const int64_t tiles = (a.tq + SS_AM_ROWS - 1) / SS_AM_ROWS;
    const ss_at_unit u = ss_at_unit_of(a, blockIdx.x / tiles);
    const int64_t t0 = blockIdx.x % tiles * SS_AM_ROWS;
    const int row = threadIdx.x / SS_WARP * 16;
    int64_t r0;
    const int x = ss_at_table_tile(a, blockIdx.y, &r0);
    const ss_view &table = c.table[x];
    float s[BN / 8][4];
    ss_mma_load<SS_AM_ROWS, EP>(q, ss_am_at<T>(c.q, u, t0), c.q.stride[1], a.tq - t0, (int)a.e);
    ss_mma_load<BN, EP>(k, (const T *)table.data + r0 * table.stride[0], table.stride[0],
                        table.shape[0] - r0, (int)a.e);
    __syncthreads();
    ss_am_product<EP, BN>(s, q, k, row);
    SS_UNROLL
    for (int i = 0; i < 2; i++) {
        const int64_t t = t0 + row + threadIdx.x % SS_WARP / 4 + 8 * i;
        int64_t p[3];
        if (t >= a.tq) continue;
        ss_at_spot(a, t, p);
        float *to = a.terms + (u.i * a.tq + t) * a.wide + a.off[x];
        const int64_t first = p[x] + a.window[x] - 1 - r0; /* the key index of row r0 */
        SS_UNROLL
        for (int n = 0; n < BN / 8; n++) SS_UNROLL
        for (int j = 0; j < 2; j++) {
            const int64_t at = first - (8 * n + threadIdx.x % 4 * 2 + j);
            if (at >= 0 && at < a.window[x]) to[at] = s[n][2 * i + j];
        }
    }
}

/* ---- the walk over the keys
 * ---------------------------------------------------------------------- */

/* Block: a tile of queries of a unit (x), a part of the keys (y). With wide rows k and v take turns
 * in one tile. */
template <class T, int EP, int BN> SS_KERNEL(attend_mma)(ss_at_args c, ss_view y, float *lse)
{
    enum { PITCH = SS_MMA_PITCH(EP), TURNS = EP > 128 };
    SS_SHARED(ss_packed<T>, q_, [SS_AM_ROWS * PITCH / SS_RUN]);
    SS_SHARED(ss_packed<T>, k_, [BN * PITCH / SS_RUN]);
    SS_SHARED(ss_packed<T>, v_, [TURNS ? 1 : BN * PITCH / SS_RUN]);
    SS_SHARED(int, off, [3][BN]);
    T *q = (T *)q_, *k = (T *)k_, *v = TURNS ? k : (T *)v_;
    const ss_cuda_attend &a = c.a;
    const int64_t tiles = (a.tq + SS_AM_ROWS - 1) / SS_AM_ROWS;
    const ss_at_unit u = ss_at_unit_of(a, blockIdx.x / tiles);
    const int64_t t0 = blockIdx.x % tiles * SS_AM_ROWS, begin = blockIdx.y * a.part;
    const int64_t last = begin + a.part < a.tk ? begin + a.part : a.tk;
    const int row = threadIdx.x / SS_WARP * 16;
    ss_am_rows r;
    float acc[EP / 8][4];
    ss_am_start(&r, c, u, t0 + row + threadIdx.x % SS_WARP / 4);
    SS_UNROLL
    for (int n = 0; n < EP / 8; n++) SS_UNROLL
    for (int j = 0; j < 4; j++) acc[n][j] = 0;
    ss_mma_load<SS_AM_ROWS, EP>(q, ss_am_at<T>(c.q, u, t0), c.q.stride[1], a.tq - t0, (int)a.e);
    __syncthreads();
    if (a.pad && begin == 0) ss_am_padding<EP>(&r, acc, c, u, q, row);
    for (int64_t k0 = begin; k0 < last; k0 += BN) {
        float s[BN / 8][4];
        __syncthreads();
        ss_mma_load<BN, EP>(k, ss_am_at<T>(c.k, u, k0), c.k.stride[1], last - k0, (int)a.e);
        if (!TURNS)
            ss_mma_load<BN, EP>(v, ss_am_at<T>(c.v, u, k0), c.v.stride[1], last - k0, (int)a.e);
        if (a.rel) ss_am_offsets<BN>(off, a, k0);
        __syncthreads();
        ss_am_product<EP, BN>(s, q, k, row);
        ss_am_logits<BN>(s, r, c, u, k0, last, off);
        ss_am_advance<EP, BN>(s, &r, acc);
        if (TURNS) {
            __syncthreads();
            ss_mma_load<BN, EP>(v, ss_am_at<T>(c.v, u, k0), c.v.stride[1], last - k0, (int)a.e);
            __syncthreads();
        }
        ss_am_gather<EP, BN>(acc, s, v);
    }
    SS_UNROLL
    for (int i = 0; i < 2; i++)
        if (t0 + row + threadIdx.x % SS_WARP / 4 + 8 * i < a.tq)
            ss_am_write<EP>(r, acc, c, u, i, blockIdx.y, (T *)y.data, lse);
}

/* SS_AM_WIDTHS(e, EP, BN, code) — code with the columns of a tile and the keys of one. */
#define SS_AM_WIDTH_(E, N, EP, BN, ...)                                                            \
    {                                                                                              \
        enum { EP = E, BN = N };                                                                   \
        __VA_ARGS__                                                                                \
    }
#define SS_AM_WIDTHS(e, EP, BN, ...)                                                               \
    if ((e) <= 16)                                                                                 \
        SS_AM_WIDTH_(16, 64, EP, BN, __VA_ARGS__)                                                  \
    else if ((e) <= 32)                                                                            \
        SS_AM_WIDTH_(32, 64, EP, BN, __VA_ARGS__)                                                  \
    else if ((e) <= 64)                                                                            \
        SS_AM_WIDTH_(64, 64, EP, BN, __VA_ARGS__)                                                  \
    else if ((e) <= 96)                                                                            \
        SS_AM_WIDTH_(96, 64, EP, BN, __VA_ARGS__)                                                  \
    else if ((e) <= 128)                                                                           \
        SS_AM_WIDTH_(128, 32, EP, BN, __VA_ARGS__)                                                 \
    else                                                                                           \
        SS_AM_WIDTH_(256, 16, EP, BN, __VA_ARGS__)
#endif
