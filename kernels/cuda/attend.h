/* attend.h — attention in tiles of 64 queries by 64 keys, without the t x t matrix: what the passes
 * of the forward and the backward direction share.
 *
 * A block has 256 threads, 16 by 16: thread (ty, tx) holds rows 4 ty to 4 ty + 3 and columns tx,
 * tx + 16, ... of every product. Operands go through shared memory in f32 whatever their type. Rows
 * of different heads lie a token apart, so tiles are read along e, 32 or more neighbours at a time.
 * T. Dao et al., FlashAttention, 2022. */
#ifndef SEMISAM_CUDA_ATTEND_H
#define SEMISAM_CUDA_ATTEND_H
#include "run.h"
#include "split.h"
#include "support/cuda_attend.h"

enum { SS_AT_THREADS = 256, SS_AT_SIDE = 16, SS_AT_PER = 4 };
enum { SS_AT_DEPTH = 32, SS_AT_PITCH = SS_AT_DEPTH + 4, SS_AT_WIDE = SS_AT_TILE + 4 };
enum { SS_AT_STAGE = 2 * SS_AT_TILE * SS_AT_PITCH };

struct alignas(16) ss_quad {
    float x, y, z, w;
};
/* 16 by 16 threads' share of a 64 x 64 product. */
typedef float ss_at_square[SS_AT_PER][SS_AT_PER];

/* The inputs of a call; absent views have no data. */
struct ss_at_args {
    ss_cuda_attend a;
    ss_view q, k, v, bias, pad, table[3]; /* tables by axis */
};
static inline ss_at_args ss_at_args_of(const ss_call *c, bool grad)
{
    ss_at_args r = {ss_cuda_attend_of(c, grad),
                    c->in[SS_AT_Q],
                    c->in[SS_AT_K],
                    c->in[SS_AT_V],
                    c->in[SS_AT_BIAS],
                    c->in[SS_AT_PAD],
                    {}};
    static const int of2[] = {SS_AT_REL_H, SS_AT_REL_W};
    static const int of3[] = {SS_AT_REL_D, SS_AT_REL_H, SS_AT_REL_W};
    for (int x = 0; x < r.a.axes && r.a.rel; x++)
        r.table[x] = c->in[r.a.axes == 2 ? of2[x] : of3[x]];
    return r;
}

/* ---- rows ------------------------------------------------------------------------------ */

/* Rows of a matrix of any strides, and after them perhaps one more. */
struct ss_at_rows {
    const void *data, *extra;
    ss_dtype type, extra_type;
    int64_t at, row, col, count; /* first element, strides, rows */
    int64_t extra_at, extra_col;
    float scale;
};
/* Tokens of one head of a [n, t, heads, e]; `pad` which = 0, 1, 2 of [3, heads, e] follows if it is
 * given. */
SS_DEVICE ss_at_rows ss_at_head(const ss_view &v, const ss_view &pad, int which, int64_t n,
                                int64_t h, float scale)
{
    const bool more = which >= 0 && pad.present;
    const ss_at_rows r = {v.data,
                          more ? pad.data : nullptr,
                          v.dtype,
                          pad.dtype,
                          n * v.stride[0] + h * v.stride[2],
                          v.stride[1],
                          v.stride[3],
                          v.shape[1],
                          more ? which * pad.stride[0] + h * pad.stride[1] : 0,
                          pad.stride[2],
                          scale};
    return r;
}
SS_DEVICE ss_at_rows ss_at_matrix(const ss_view &v)
{
    const ss_at_rows r = {v.data,      nullptr,    v.dtype, v.dtype, 0, v.stride[0],
                          v.stride[1], v.shape[0], 0,       0,       1};
    return r;
}

/* From sm_100 on the compiler would keep the addresses of all turns in registers, and spill. */
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1000
#define SS_AT_LOADS _Pragma("unroll 1")
#else
#define SS_AT_LOADS
#endif
/* Rows [first, first + ROWS), columns [c0, c0 + COLS) into shared memory; 0 beyond the end. */
template <int ROWS, int COLS, int PITCH, class T>
SS_DEVICE void ss_at_load_as(float *to, const ss_at_rows &r, int64_t first, int64_t c0, int64_t e)
{
    const T *from = (const T *)r.data + r.at;
    SS_AT_LOADS
    for (int i = threadIdx.x; i < ROWS * COLS; i += SS_AT_THREADS) {
        const int row = i / COLS, j = i % COLS;
        const int64_t t = first + row, c = c0 + j;
        float x = 0;
        if (c < e && t < r.count)
            x = ss_f32(from[t * r.row + c * r.col]) * r.scale;
        else if (c < e && t == r.count && r.extra)
            x = ss_load(r.extra, r.extra_type, r.extra_at + c * r.extra_col) * r.scale;
        to[row * PITCH + j] = x;
    }
}
template <int ROWS, int COLS, int PITCH>
SS_DEVICE void ss_at_load(float *to, const ss_at_rows &r, int64_t first, int64_t c0, int64_t e)
{
    SS_FLOATS(r.type, T, ss_at_load_as<ROWS, COLS, PITCH, T>(to, r, first, c0, e);)
}

/* ---- products --------------------------------------------------------------------------- */

SS_DEVICE int ss_at_tx()
{
    return threadIdx.x % SS_AT_SIDE;
}
/* First of the thread's four rows. */
SS_DEVICE int ss_at_ty()
{
    return threadIdx.x / SS_AT_SIDE * SS_AT_PER;
}

/* a b + c, rounded once on a GPU: the build fuses nothing by itself. */
SS_DEVICE float ss_at_fma(float a, float b, float c)
{
#ifdef SS_EMULATE
    return a * b + c;
#else
    return fmaf(a, b, c);
#endif
}
SS_DEVICE float ss_at_dot(ss_quad a, float x, float y, float z, float w, float sum)
{
    return ss_at_fma(a.w, w, ss_at_fma(a.z, z, ss_at_fma(a.y, y, ss_at_fma(a.x, x, sum))));
}

/* s = rows a0.. of a times rows b0.. of b, transposed; `stage`: SS_AT_STAGE floats. Ends with
 * nobody reading the stage. */
SS_DEVICE void ss_at_product(ss_at_square s, const ss_at_rows &a, int64_t a0, const ss_at_rows &b,
                             int64_t b0, int64_t e, float *stage)
{
    float *left = stage, *right = stage + SS_AT_TILE * SS_AT_PITCH;
    SS_UNROLL
    for (int i = 0; i < SS_AT_PER; i++) SS_UNROLL
    for (int j = 0; j < SS_AT_PER; j++) s[i][j] = 0;
    for (int64_t c0 = 0; c0 < e; c0 += SS_AT_DEPTH) {
        __syncthreads();
        ss_at_load<SS_AT_TILE, SS_AT_DEPTH, SS_AT_PITCH>(left, a, a0, c0, e);
        ss_at_load<SS_AT_TILE, SS_AT_DEPTH, SS_AT_PITCH>(right, b, b0, c0, e);
        __syncthreads();
        for (int d = 0; d < SS_AT_DEPTH; d += 4) {
            ss_quad x[SS_AT_PER], y[SS_AT_PER];
            SS_UNROLL
            for (int i = 0; i < SS_AT_PER; i++) {
                x[i] = *(const ss_quad *)(left + (ss_at_ty() + i) * SS_AT_PITCH + d);
                y[i] = *(const ss_quad *)(right + (ss_at_tx() + SS_AT_SIDE * i) * SS_AT_PITCH + d);
            }
            SS_UNROLL
            for (int i = 0; i < SS_AT_PER; i++) SS_UNROLL
            for (int j = 0; j < SS_AT_PER; j++)
                s[i][j] = ss_at_dot(x[i], y[j].x, y[j].y, y[j].z, y[j].w, s[i][j]);
        }
    }
    __syncthreads();
}

/* acc += p b: p [64][SS_AT_WIDE] in shared memory, rows b0.. and 16 NC columns from c0 of b. Begins
 * with a barrier, so that p may just have been written, and ends with one. */
template <int NC>
SS_DEVICE void ss_at_accumulate(float (&acc)[SS_AT_PER][NC], const float *p, const ss_at_rows &b,
                                int64_t b0, int64_t c0, int64_t e, float *stage)
{
    enum { COLS = SS_AT_SIDE * NC, FIT = SS_AT_STAGE / COLS };
    enum { ROWS = FIT >= 64 ? 64 : FIT >= 32 ? 32 : 16 };
    for (int k0 = 0; k0 < SS_AT_TILE; k0 += ROWS) {
        __syncthreads();
        ss_at_load<ROWS, COLS, COLS>(stage, b, b0 + k0, c0, e);
        __syncthreads();
        for (int k = 0; k < ROWS; k += 4) {
            ss_quad w[SS_AT_PER];
            SS_UNROLL
            for (int i = 0; i < SS_AT_PER; i++)
                w[i] = *(const ss_quad *)(p + (ss_at_ty() + i) * SS_AT_WIDE + k0 + k);
            const float *row = stage + k * COLS + ss_at_tx();
            SS_UNROLL
            for (int j = 0; j < NC; j++) {
                const float v0 = row[SS_AT_SIDE * j], v1 = row[COLS + SS_AT_SIDE * j];
                const float v2 = row[2 * COLS + SS_AT_SIDE * j],
                            v3 = row[3 * COLS + SS_AT_SIDE * j];
                SS_UNROLL
                for (int i = 0; i < SS_AT_PER; i++)
                    acc[i][j] = ss_at_dot(w[i], v0, v1, v2, v3, acc[i][j]);
            }
        }
    }
    __syncthreads();
}
template <int NC> SS_DEVICE void ss_at_clear(float (&acc)[SS_AT_PER][NC])
{
    SS_UNROLL
    for (int i = 0; i < SS_AT_PER; i++) SS_UNROLL
    for (int j = 0; j < NC; j++) acc[i][j] = 0;
}

/* Writes the thread's part of rows t0.. below `rows`, columns c0.. below e: row t at `at` + t * ld.
 */
template <int NC>
SS_DEVICE void ss_at_write(const float (&acc)[SS_AT_PER][NC], const ss_view &y, int64_t at,
                           int64_t ld, int64_t t0, int64_t rows, int64_t c0, int64_t e)
{
    SS_UNROLL
    for (int i = 0; i < SS_AT_PER; i++) {
        const int64_t t = t0 + ss_at_ty() + i;
        SS_UNROLL
        for (int j = 0; j < NC && t < rows; j++) {
            const int64_t c = c0 + ss_at_tx() + SS_AT_SIDE * j;
            if (c < e) ss_store(y.data, y.dtype, at + t * ld + c, acc[i][j]);
        }
    }
}

/* ---- logits ------------------------------------------------------------------------------ */

/* One head of one sample. */
struct ss_at_unit {
    int64_t i, n, h;
};
SS_DEVICE ss_at_unit ss_at_unit_of(const ss_cuda_attend &a, int64_t i)
{
    ss_at_unit u;
    u.i = i;
    u.n = ss_split(i, a.heads, &u.h);
    return u;
}
/* Indices of token t along the axes of the grid; those of absent axes are 0. */
SS_DEVICE void ss_at_spot(const ss_cuda_attend &a, int64_t t, int64_t p[3])
{
    p[0] = p[1] = p[2] = 0;
    for (int x = 2; x >= 0; x--)
        if (x < a.axes) t = ss_split(t, a.grid[x], &p[x]);
}

/* Position terms of query t and the key at p. */
SS_DEVICE float ss_at_position(const ss_cuda_attend &a, int64_t unit, int64_t t, const int64_t p[3])
{
    const float *own = a.terms + (unit * a.tq + t) * a.wide;
    if (a.rel == SS_REL_3D_OFFICIAL) { /* two terms belong to other queries of the line */
        const float *line = own - t % a.grid[2] * a.wide;
        return own[p[2]] + line[p[0] * a.wide + a.off[1] + p[2]] +
               line[p[1] * a.wide + a.off[2] + p[2]];
    }
    float s = own[p[0]] + own[a.off[1] + p[1]];
    if (a.axes == 3) s += own[a.off[2] + p[2]];
    return s;
}

/* What is added to scale q.k of query t and key k, the thread's column j. */
SS_DEVICE float ss_at_extra(const ss_at_args &c, const ss_at_unit &u, int64_t t, int64_t k,
                            const int64_t p[3])
{
    const ss_cuda_attend &a = c.a;
    float s = 0;
    if (k == a.tk) return a.pad_log[u.i * a.tq + t];
    if (c.bias.present) {
        const ss_view &b = c.bias;
        const int64_t n = b.shape[0] > 1 ? u.n : 0, h = b.shape[1] > 1 ? u.h : 0;
        s += ss_load(b.data, b.dtype,
                     n * b.stride[0] + h * b.stride[1] + t * b.stride[2] + k * b.stride[3]);
    }
    if (a.rel) s += ss_at_position(a, u.i, t, p);
    return s;
}

/* Logits of the tile at (t0, k0): -inf for keys beyond the last. Queries from `end` on get 0. */
SS_DEVICE void ss_at_logits(ss_at_square s, const ss_at_args &c, const ss_at_unit &u, int64_t t0,
                            int64_t end, int64_t k0, float *stage)
{
    const ss_at_rows q = ss_at_head(c.q, c.pad, -1, u.n, u.h, c.a.scale);
    const ss_at_rows k = ss_at_head(c.k, c.pad, 1, u.n, u.h, 1);
    const bool plain = !c.bias.present && !c.a.rel && !c.a.pad;
    ss_at_product(s, q, t0, k, k0, c.a.e, stage);
    SS_UNROLL
    for (int j = 0; j < SS_AT_PER; j++) {
        const int64_t key = k0 + ss_at_tx() + SS_AT_SIDE * j;
        int64_t p[3];
        if (c.a.rel) ss_at_spot(c.a, key, p);
        SS_UNROLL
        for (int i = 0; i < SS_AT_PER; i++) {
            const int64_t t = t0 + ss_at_ty() + i;
            if (key >= c.a.keys)
                s[i][j] = -INFINITY;
            else if (!plain && t < end)
                s[i][j] += ss_at_extra(c, u, t, key, p);
        }
    }
}

/* ---- choosing a kernel by e -------------------------------------------------------------- */

/* SS_AT_WIDTHS(e, WIDEST, NC, code) — code with NC: 16 NC columns hold e, or at most WIDEST of
 * these do and the rest is for further launches. */
#define SS_AT_WIDTH_(N, NC, ...)                                                                   \
    {                                                                                              \
        enum { NC = N };                                                                           \
        __VA_ARGS__                                                                                \
    }
#define SS_AT_WIDTHS(e, WIDEST, NC, ...)                                                           \
    if ((e) <= 16)                                                                                 \
        SS_AT_WIDTH_(1, NC, __VA_ARGS__)                                                           \
    else if ((e) <= 32)                                                                            \
        SS_AT_WIDTH_(2, NC, __VA_ARGS__)                                                           \
    else if ((e) <= 64)                                                                            \
        SS_AT_WIDTH_(4, NC, __VA_ARGS__)                                                           \
    else if ((e) <= 80)                                                                            \
        SS_AT_WIDTH_(5, NC, __VA_ARGS__)                                                           \
    else if ((e) <= 96)                                                                            \
        SS_AT_WIDTH_(6, NC, __VA_ARGS__)                                                           \
    else if ((e) <= 128)                                                                           \
        SS_AT_WIDTH_(8, NC, __VA_ARGS__)                                                           \
    else                                                                                           \
        SS_AT_WIDTH_(WIDEST, NC, __VA_ARGS__)
#endif
