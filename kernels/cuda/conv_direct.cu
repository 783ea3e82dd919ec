/* conv_direct.cu — f32 convolutions of few channels: a thread keeps a small product in registers
 * and reads both factors from where they lie. What is chosen: support/cuda_conv_direct.h. */
#include "conv.h"
#include "run.h"
#include "split.h"
#include "support/cuda_conv_direct.h"

struct alignas(16) quad {
    float v[4];
};

struct direct {
    ss_conv q;
    const float *x, *w, *y; /* of the three, two are read; w is turned: [tap, in, out] */
    int64_t rows;
    const void *bias;
    ss_dtype bias_type;
};

SS_DEVICE quad read_quad(const float *p)
{
    return *(const quad *)p;
}

enum { WARPS = 4, THREADS = WARPS * SS_WARP };
/* Rows of a thread that makes n channels, 32 apart: as many as registers hold. */
#define ROWS_OF(n) ((n) == SS_DIRECT_WIDE ? 4 : 8)

/* ---- y, and x for its gradient ------------------------------------------------------------------
 */

/* [out, taps, in] to [taps, in, out]; the gradient sums over the weights' first axis. */
SS_KERNEL(turn_weight)(const float *w, float *to, int64_t o, int64_t taps, int64_t c, bool back)
{
    SS_EACH (i, o * taps * c) {
        int64_t out, in;
        const int64_t tap = ss_split(ss_split(i, back ? c : o, &out), back ? o : c, &in);
        to[i] = w[((back ? in : out) * taps + tap) * c + (back ? out : in)];
    }
}

/* Where the rows' sums begin: index along each axis before the tap is added (taken away: BACK),
 * far outside for rows that are none; and the first place of their sample. */
template <int ROWS> struct begins {
    int at[ROWS][3], sample[ROWS];
};
template <bool BACK, int ROWS>
SS_DEVICE void begin_rows(begins<ROWS> *b, const direct &d, int64_t first)
{
    const ss_conv &q = d.q;
    SS_UNROLL
    for (int i = 0; i < ROWS; i++) {
        const int64_t row = first + i * SS_WARP;
        int64_t p[3];
        const int64_t n = ss_place(row < d.rows ? row : 0, BACK ? q.x : q.y, p);
        SS_UNROLL
        for (int a = 0; a < 3; a++)
            b->at[i][a] = (int)(BACK ? p[a] + q.pad[a] : p[a] * q.step[a] - q.pad[a]);
        if (row >= d.rows) b->at[i][0] = INT32_MIN / 2;
        const int64_t *size = BACK ? q.y : q.x;
        b->sample[i] = (int)(n * size[0] * size[1] * size[2]);
    }
}
/* First element of what a row reads under a tap, -1 outside. */
template <bool BACK, int ROWS>
SS_DEVICE void find_rows(int (&from)[ROWS], const begins<ROWS> &b, const direct &d, const int k[3],
                         int in)
{
    const int64_t *size = BACK ? d.q.y : d.q.x;
    SS_UNROLL
    for (int i = 0; i < ROWS; i++) {
        int at[3];
        SS_UNROLL
        for (int a = 0; a < 3; a++) at[a] = b.at[i][a] + (BACK ? -k[a] : k[a]);
        const bool inside = at[0] >= 0 && at[0] < size[0] && at[1] >= 0 && at[1] < size[1] &&
                            at[2] >= 0 && at[2] < size[2];
        const int place = (int)((at[0] * size[1] + at[1]) * size[2]) + at[2];
        from[i] = inside ? (b.sample[i] + place) * in : -1;
    }
}

/* acc += four channels of the rows times their weights, `out` apart. */
template <int N, int ROWS>
SS_DEVICE void add_quads(float (&acc)[ROWS][N], const quad (&v)[ROWS], const float *w, int out)
{
    SS_UNROLL
    for (int j = 0; j < 4; j++) SS_UNROLL
    for (int n = 0; n < N; n += 4) {
        const quad b = read_quad(w + j * out + n);
        SS_UNROLL
        for (int i = 0; i < ROWS; i++) SS_UNROLL
        for (int m = 0; m < 4; m++) acc[i][n + m] = fmaf(v[i].v[j], b.v[m], acc[i][n + m]);
    }
}

template <int N, bool BACK, int ROWS>
SS_DEVICE void sum_taps(float (&acc)[ROWS][N], const begins<ROWS> &b, const direct &d, int o0)
{
    const ss_conv &q = d.q;
    const int in = (int)(BACK ? q.o : q.c), out = (int)(BACK ? q.c : q.o);
    const float *w = d.w + o0, *x = BACK ? d.y : d.x;
    for (int z = 0; z < q.k[0]; z++)
        for (int y = 0; y < q.k[1]; y++)
            for (int s = 0; s < q.k[2]; s++, w += (int64_t)in * out) {
                const int k[3] = {z * (int)q.dilation[0], y * (int)q.dilation[1],
                                  s * (int)q.dilation[2]};
                int from[ROWS];
                find_rows<BACK, ROWS>(from, b, d, k, in);
                for (int c = 0; c < in; c += 4) {
                    quad v[ROWS];
                    SS_UNROLL
                    for (int i = 0; i < ROWS; i++) {
                        v[i] = {};
                        if (from[i] >= 0) v[i] = read_quad(x + from[i] + c);
                    }
                    add_quads<N, ROWS>(acc, v, w + c * out, out);
                }
            }
}

/* Warp: ROWS_OF(N) times 32 rows (x), N channels (y). */
template <int N, bool BACK> SS_KERNEL(direct_rows)(direct d, float *to)
{
    enum { ROWS = ROWS_OF(N) };
    const int64_t first = ((int64_t)blockIdx.x * WARPS + threadIdx.x / SS_WARP) * ROWS * SS_WARP +
                          threadIdx.x % SS_WARP;
    const int o0 = (int)blockIdx.y * N;
    const int64_t out = BACK ? d.q.c : d.q.o;
    begins<ROWS> b;
    float acc[ROWS][N];
    begin_rows<BACK, ROWS>(&b, d, first);
    SS_UNROLL
    for (int n = 0; n < N; n++) {
        const float bias = d.bias ? ss_load(d.bias, d.bias_type, o0 + n) : 0;
        SS_UNROLL
        for (int i = 0; i < ROWS; i++) acc[i][n] = bias;
    }
    sum_taps<N, BACK, ROWS>(acc, b, d, o0);
    SS_UNROLL
    for (int i = 0; i < ROWS; i++) {
        const int64_t row = first + i * SS_WARP;
        if (row >= d.rows) continue;
        SS_UNROLL
        for (int n = 0; n < N; n += 4) {
            const quad y = {{acc[i][n], acc[i][n + 1], acc[i][n + 2], acc[i][n + 3]}};
            *(quad *)(to + row * out + o0 + n) = y;
        }
    }
}

template <bool BACK> static void run_rows(ss_gpu *g, const direct &d, float *to)
{
    const int64_t out = BACK ? d.q.c : d.q.o, n = ss_direct_tile(out);
    const int64_t each = THREADS * ROWS_OF(n);
    const dim3 grid((unsigned)((d.rows + each - 1) / each), (unsigned)(out / n));
    if (n == SS_DIRECT_WIDE)
        SS_LAUNCH(g, (direct_rows<SS_DIRECT_WIDE, BACK>), grid, THREADS, 0, d, to);
    else
        SS_LAUNCH(g, (direct_rows<SS_DIRECT_NARROW, BACK>), grid, THREADS, 0, d, to);
}

/* ---- the weights' gradient ------------------------------------------------------------------- */

/* acc[row][n] += four channels under a tap times N channels of dy, at U neighbouring places. */
template <int N>
SS_DEVICE void add_places(float (&acc)[4][N], const float *x, const float *dy, const direct &d,
                          int at, int k)
{
    enum { U = 4 };
    const ss_conv &q = d.q;
    quad a[U];
    SS_UNROLL
    for (int u = 0; u < U; u++) {
        const int s = (at + u) * (int)q.step[2] - (int)q.pad[2] + k;
        a[u] = {};
        if (x && at + u < q.y[2] && s >= 0 && s < q.x[2]) a[u] = read_quad(x + s * q.c);
    }
    SS_UNROLL
    for (int u = 0; u < U; u++) SS_UNROLL
    for (int n = 0; n < N; n += 4) {
        quad b = {};
        if (at + u < q.y[2]) b = read_quad(dy + (at + u) * q.o + n);
        SS_UNROLL
        for (int r = 0; r < 4; r++) SS_UNROLL
        for (int m = 0; m < 4; m++) acc[r][n + m] = fmaf(a[u].v[r], b.v[m], acc[r][n + m]);
    }
}

/* Warp: a part of the lines (x), 32 quads of (tap, channel) and N channels of y (y): out[part, o,
 * tap, c]. */
template <int N>
SS_KERNEL(direct_weight)
(direct d, int64_t parts, int64_t each, int64_t weights, float *out)
{
    const ss_conv &q = d.q;
    const int64_t part = (int64_t)blockIdx.x * WARPS + threadIdx.x / SS_WARP, wide = q.o / N;
    const int64_t o0 = blockIdx.y % wide * N, lines = q.n * q.y[0] * q.y[1];
    const int64_t m = blockIdx.y / wide * SS_WARP + threadIdx.x % SS_WARP, c4 = q.c / 4;
    int64_t c, k[3];
    const int64_t tap = ss_split(m, c4, &c);
    const bool real = ss_place(tap, q.k, k) == 0 && part < parts;
    float acc[4][N];
    SS_UNROLL
    for (int r = 0; r < 4; r++) SS_UNROLL
    for (int n = 0; n < N; n++) acc[r][n] = 0;
    for (int64_t line = part * each; line < (part + 1) * each && line < lines; line++) {
        int64_t y[2], n = ss_split(ss_split(line, q.y[1], &y[1]), q.y[0], &y[0]);
        bool inside = real;
        SS_UNROLL
        for (int a = 0; a < 2; a++) {
            const int64_t x = y[a] * q.step[a] - q.pad[a] + k[a] * q.dilation[a];
            inside = inside && x >= 0 && x < q.x[a];
            n = n * q.x[a] + x;
        }
        const float *x = inside ? d.x + n * q.x[2] * q.c + 4 * c : nullptr;
        for (int at = 0; at < q.y[2]; at += 4)
            add_places<N>(acc, x, d.y + line * q.y[2] * q.o + o0, d, at,
                          (int)(k[2] * q.dilation[2]));
    }
    if (!real) return;
    SS_UNROLL
    for (int n = 0; n < N; n++) {
        const quad v = {{acc[0][n], acc[1][n], acc[2][n], acc[3][n]}};
        *(quad *)(out + part * weights + ((o0 + n) * (weights / q.o) + tap * q.c + 4 * c)) = v;
    }
}

enum { WIDE = 32, HIGH = 8 }; /* weights, and shares of the parts, of a block */

/* The parts in their order: HIGH shares, then these. */
SS_KERNEL(direct_weight_end)(const float *part, int64_t parts, int64_t weights, float *out)
{
    SS_SHARED(float, sums, [HIGH][WIDE]);
    const int lane = (int)threadIdx.x % WIDE, high = (int)threadIdx.x / WIDE;
    const int64_t i = (int64_t)blockIdx.x * WIDE + lane, each = (parts + HIGH - 1) / HIGH;
    float sum = 0;
    for (int64_t p = high * each; p < (high + 1) * each && p < parts && i < weights; p++)
        sum += part[p * weights + i];
    sums[high][lane] = sum;
    __syncthreads();
    if (high > 0 || i >= weights) return;
    for (int h = 1; h < HIGH; h++) sum += sums[h][lane];
    out[i] = sum;
}

static void run_weight(ss_gpu *g, const ss_conv_job *r, const direct &d)
{
    const int64_t parts = ss_direct_parts(r->q), lines = ss_direct_lines(r->q),
                  each = (lines + parts - 1) / parts, weights = (int64_t)ss_conv_weights(r->q);
    const dim3 grid((unsigned)((parts + WARPS - 1) / WARPS), (unsigned)ss_direct_tiles(r->q));
    float *sums = (float *)r->work;
    if (ss_direct_tile(r->q->o) == SS_DIRECT_WIDE)
        SS_LAUNCH(g, direct_weight<SS_DIRECT_WIDE>, grid, THREADS, 0, d, parts, each, weights,
                  sums);
    else
        SS_LAUNCH(g, direct_weight<SS_DIRECT_NARROW>, grid, THREADS, 0, d, parts, each, weights,
                  sums);
    SS_LAUNCH(g, direct_weight_end, (unsigned)((weights + WIDE - 1) / WIDE), WIDE * HIGH, 0, sums,
              parts, weights, (float *)r->w);
}

extern "C" bool ss_conv_direct(ss_gpu *g, const ss_conv_job *r)
{
    const ss_conv *q = r->q;
    const ss_conv_result which = r->a->result;
    const bool back = which == SS_CONV_X;
    const ss_view *b = r->a->b && which != SS_CONV_W && r->a->b->present ? r->a->b : NULL;
    if (!ss_direct_fits(q, which, r->t) || ((intptr_t)r->x | (intptr_t)r->w | (intptr_t)r->y) % 16)
        return false;
    direct d = {*q,
                (const float *)r->x,
                (const float *)r->work,
                (const float *)r->y,
                ss_conv_rows(q, back ? SS_CONV_X : SS_CONV_Y),
                b ? b->data : NULL,
                b ? b->dtype : SS_F32};
    if (which == SS_CONV_W) {
        run_weight(g, r, d);
        return true;
    }
    const int64_t weights = (int64_t)ss_conv_weights(q);
    SS_LAUNCH(g, turn_weight, ss_grid(g, weights), SS_BLOCK, 0, (const float *)r->w,
              (float *)r->work, q->o, ss_conv_taps(q), q->c, back);
    if (back)
        run_rows<true>(g, d, (float *)r->x);
    else
        run_rows<false>(g, d, (float *)r->y);
    return true;
}
