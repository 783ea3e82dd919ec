/* depthwise.h — volume convolutions with one kernel per channel, channels last, on f32.
 *
 * oneDNN 2.6 reaches 6 to 12 GFLOP/s on them. Here every inner loop runs over a vector of channels;
 * neighbouring outputs share the weights they load. Weights come transposed to [tap, channel]. */
#ifndef SEMISAM_DEPTHWISE_H
#define SEMISAM_DEPTHWISE_H
#include "../cpu.h"
#include "conv.h"
#include <omp.h>

/* Channels of one vector: as many as the instruction set holds. */
#if defined(__AVX512F__)
enum { SS_DW_LANES = 16 };
#elif defined(__AVX__)
enum { SS_DW_LANES = 8 };
#else
enum { SS_DW_LANES = 4 };
#endif
enum {
    SS_DW_TILE = 4,  /* neighbouring outputs done together */
    SS_DW_ROWS = 64, /* most kernel rows (depth x height): see ss_conv_depthwise3 */
    SS_DW_PARTS = 16 /* partial sums of the weight gradient */
};

typedef float ss_lanes __attribute__((vector_size(SS_DW_LANES * 4)));

/* The first n lanes; the rest are 0. */
static inline ss_lanes ss_lanes_load(const float *p, int64_t n)
{
    ss_lanes v = {0};
    if (n >= SS_DW_LANES)
        memcpy(&v, p, sizeof v);
    else
        memcpy(&v, p, (size_t)n * sizeof *p);
    return v;
}

static inline void ss_lanes_store(float *p, ss_lanes v, int64_t n)
{
    memcpy(p, &v, n >= SS_DW_LANES ? sizeof v : (size_t)n * sizeof *p);
}

static inline void ss_depthwise_weights(const ss_conv *q, const float *w, float *wt)
{
    const int64_t taps = ss_conv_volume(q->k);
    for (int64_t c = 0; c < q->c; c++)
        for (int64_t t = 0; t < taps; t++) wt[t * q->c + c] = w[c * taps + t];
}

/* Where tap k of output o reads (forward), or which output reads position o with tap k (back); -1
 * outside. */
static inline int64_t ss_depthwise_from(const ss_conv *q, int i, int64_t o, int64_t k, bool back)
{
    if (!back) {
        const int64_t at = o * q->step[i] - q->pad[i] + k * q->dilation[i];
        return at >= 0 && at < q->x[i] ? at : -1;
    }
    const int64_t t = o + q->pad[i] - k * q->dilation[i];
    if (t < 0 || t % q->step[i] || t / q->step[i] >= q->y[i]) return -1;
    return t / q->step[i];
}

/* One call's loop: reads `in` of size `is`, writes `out` of size `os`. When that is not f32, `rows`
 * holds one of its rows for every thread. */
typedef struct ss_depthwise {
    const ss_conv *q;
    const float *in, *wt, *bias;
    const ss_view *out;
    float *rows;
    const int64_t *is, *os;
    bool back;
} ss_depthwise;

static inline size_t ss_depthwise_row_bytes(const ss_conv *q, const int64_t *os, const ss_view *out)
{
    return out->dtype == SS_F32 ? 0 : (size_t)(omp_get_max_threads() * os[2] * q->c) * 4;
}

/* The rows of `in` that one row of `out` reads, and the weights that go with them. */
typedef struct ss_depthwise_rows {
    int n;
    const float *x[SS_DW_ROWS], *w[SS_DW_ROWS];
} ss_depthwise_rows;

static inline void ss_depthwise_find(const ss_depthwise *a, int64_t r, ss_depthwise_rows *rows)
{
    const ss_conv *q = a->q;
    const int64_t n = r / (a->os[0] * a->os[1]);
    rows->n = 0;
    for (int64_t kd = 0; kd < q->k[0]; kd++) {
        const int64_t d = ss_depthwise_from(q, 0, r / a->os[1] % a->os[0], kd, a->back);
        for (int64_t kh = 0; kh < q->k[1] && d >= 0; kh++) {
            const int64_t h = ss_depthwise_from(q, 1, r % a->os[1], kh, a->back);
            if (h < 0) continue;
            rows->x[rows->n] = a->in + ((n * a->is[0] + d) * a->is[1] + h) * a->is[2] * q->c;
            rows->w[rows->n++] = a->wt + (kd * q->k[1] + kh) * q->k[2] * q->c;
        }
    }
}

/* One output at position o of its row, `n` channels from c. */
static inline void ss_depthwise_one(const ss_depthwise *a, const ss_depthwise_rows *rows, int64_t o,
                                    int64_t c, int64_t n, float *dst)
{
    const ss_conv *q = a->q;
    ss_lanes acc = a->bias ? ss_lanes_load(a->bias + c, n) : (ss_lanes){0};
    for (int64_t kw = 0; kw < q->k[2]; kw++) {
        const int64_t at = ss_depthwise_from(q, 2, o, kw, a->back);
        if (at < 0) continue;
        for (int i = 0; i < rows->n; i++)
            acc += ss_lanes_load(rows->x[i] + at * q->c + c, n) *
                   ss_lanes_load(rows->w[i] + kw * q->c + c, n);
    }
    ss_lanes_store(dst, acc, n);
}

/* Four outputs along w and one vector of channels from c; every tap lies inside. `first` is what
 * tap 0 of the first output reads, `step` and `hop` how far the next output and the next tap are.
 */
static inline void ss_depthwise_four(const ss_depthwise *a, const ss_depthwise_rows *rows,
                                     int64_t first, int64_t step, int64_t hop, int64_t c,
                                     float *dst)
{
    const int64_t C = a->q->c, all = SS_DW_LANES, taps = a->q->k[2];
    ss_lanes s0 = a->bias ? ss_lanes_load(a->bias + c, all) : (ss_lanes){0}, s1 = s0, s2 = s0,
             s3 = s0;
    for (int i = 0; i < rows->n; i++) {
        const float *x = rows->x[i] + first * C + c, *w = rows->w[i] + c;
        for (int64_t kw = 0; kw < taps; kw++, x += hop * C, w += C) {
            const ss_lanes g = ss_lanes_load(w, all);
            s0 += ss_lanes_load(x, all) * g;
            s1 += ss_lanes_load(x + step * C, all) * g;
            s2 += ss_lanes_load(x + 2 * step * C, all) * g;
            s3 += ss_lanes_load(x + 3 * step * C, all) * g;
        }
    }
    ss_lanes_store(dst, s0, all);
    ss_lanes_store(dst + C, s1, all);
    ss_lanes_store(dst + 2 * C, s2, all);
    ss_lanes_store(dst + 3 * C, s3, all);
}

/* The same for three taps and steps of one: six loads of x serve twelve products. `x0` is the
 * leftmost position read; the taps go from left to right when `hop` is 1, else from right to left.
 */
static inline void ss_depthwise_three(const ss_depthwise *a, const ss_depthwise_rows *rows,
                                      int64_t x0, int64_t hop, int64_t c, float *dst)
{
    const int64_t C = a->q->c, all = SS_DW_LANES;
    ss_lanes s0 = a->bias ? ss_lanes_load(a->bias + c, all) : (ss_lanes){0}, s1 = s0, s2 = s0,
             s3 = s0;
    for (int i = 0; i < rows->n; i++) {
        const float *x = rows->x[i] + x0 * C + c, *w = rows->w[i] + c;
        const ss_lanes l = ss_lanes_load(hop > 0 ? w : w + 2 * C, all);
        const ss_lanes m = ss_lanes_load(w + C, all);
        const ss_lanes r = ss_lanes_load(hop > 0 ? w + 2 * C : w, all);
        ss_lanes p = ss_lanes_load(x, all), t = ss_lanes_load(x + C, all);
        ss_lanes u = ss_lanes_load(x + 2 * C, all);
        s0 += p * l + t * m + u * r;
        p = ss_lanes_load(x + 3 * C, all);
        s1 += t * l + u * m + p * r;
        t = ss_lanes_load(x + 4 * C, all);
        s2 += u * l + p * m + t * r;
        u = ss_lanes_load(x + 5 * C, all);
        s3 += p * l + t * m + u * r;
    }
    ss_lanes_store(dst, s0, all);
    ss_lanes_store(dst + C, s1, all);
    ss_lanes_store(dst + 2 * C, s2, all);
    ss_lanes_store(dst + 3 * C, s3, all);
}

/* Forward (in = x, out = y) or data gradient (back: in = y, out = x). */
static inline void ss_depthwise_run(const ss_depthwise *a)
{
    const ss_conv *q = a->q;
    const int64_t *os = a->os, C = q->c, whole = C / SS_DW_LANES * SS_DW_LANES;
    const bool tiles = !a->back || q->step[2] == 1;
    const int64_t step = a->back ? 1 : q->step[2], hop = a->back ? -q->dilation[2] : q->dilation[2];
    const int64_t start = a->back ? q->pad[2] : -q->pad[2], span = hop * (q->k[2] - 1);
    const bool three = q->k[2] == 3 && step == 1 && q->dilation[2] == 1;
    SS_PARALLEL_FOR (r, q->n * os[0] * os[1], os[2] * C * ss_conv_volume(q->k)) {
        const int64_t row = os[2] * C;
        const size_t size = ss_dtype_bytes(a->out->dtype);
        char *to = (char *)a->out->data + (size_t)(r * row) * size;
        float *line = a->rows ? a->rows + omp_get_thread_num() * row : (float *)(void *)to;
        ss_depthwise_rows rows;
        ss_depthwise_find(a, r, &rows);
        for (int64_t o = 0, count; o < os[2]; o += count) {
            const int64_t first = o * step + start, last = first + (SS_DW_TILE - 1) * step;
            const int64_t left = ss_min64(first, first + span);
            const bool inside = left >= 0 && ss_max64(last, last + span) < a->is[2];
            float *dst = line + o * C;
            int64_t c = 0;
            count = tiles && inside && o + SS_DW_TILE <= os[2] ? SS_DW_TILE : 1;
            for (; count > 1 && c < whole; c += SS_DW_LANES) {
                if (three)
                    ss_depthwise_three(a, &rows, left, hop, c, dst + c);
                else
                    ss_depthwise_four(a, &rows, first, step, hop, c, dst + c);
            }
            for (int64_t j = 0; j < count; j++)
                for (int64_t k = c; k < C; k += SS_DW_LANES)
                    ss_depthwise_one(a, &rows, o + j, k, ss_min64(SS_DW_LANES, C - k),
                                     dst + j * C + k);
        }
        if (a->rows) ss_store_f32(to, a->out->dtype, line, row);
    }
}

/* sum[kw] += x y over one row, `taps` taps from tap k0; x and y point at their channels. */
static inline void ss_depthwise_row(const ss_conv *q, const float *x, const float *y, int64_t k0,
                                    int taps, int64_t n, float *sum)
{
    ss_lanes s[3] = {{0}, {0}, {0}};
    for (int64_t o = 0; o < q->y[2]; o++) {
        const ss_lanes g = ss_lanes_load(y + o * q->c, n);
        for (int t = 0; t < taps; t++) {
            const int64_t at = o * q->step[2] - q->pad[2] + (k0 + t) * q->dilation[2];
            if (at >= 0 && at < q->x[2]) s[t] += ss_lanes_load(x + at * q->c, n) * g;
        }
    }
    for (int t = 0; t < taps; t++) {
        float *to = sum + (k0 + t) * q->c;
        ss_lanes_store(to, ss_lanes_load(to, n) + s[t], n);
    }
}

static inline int64_t ss_depthwise_parts(const ss_conv *q)
{
    return ss_max64(1, ss_min64(SS_DW_PARTS, q->n * q->y[0] * q->y[1]));
}

/* Weight gradient. `scratch` holds a [tap, channel] sum for every part: rows are dealt to a fixed
 * number of parts, whatever the number of threads. */
static inline void ss_depthwise_dw(const ss_conv *q, const float *x, const float *y, float *w,
                                   float *scratch)
{
    const int64_t C = q->c, taps = ss_conv_volume(q->k), rows = q->n * q->y[0] * q->y[1];
    const int64_t parts = ss_depthwise_parts(q), share = ss_ceil_div(rows, parts);
    SS_PARALLEL_FOR (p, parts, share * q->y[2] * C * taps) {
        float *sum = scratch + p * taps * C;
        memset(sum, 0, (size_t)(taps * C) * sizeof *sum);
        for (int64_t r = p * share; r < ss_min64(rows, (p + 1) * share); r++)
            for (int64_t t = 0; t < q->k[0] * q->k[1]; t++) {
                const int64_t d =
                    ss_depthwise_from(q, 0, r / q->y[1] % q->y[0], t / q->k[1], false);
                const int64_t h = ss_depthwise_from(q, 1, r % q->y[1], t % q->k[1], false);
                if (d < 0 || h < 0) continue;
                const int64_t at = (r / (q->y[0] * q->y[1]) * q->x[0] + d) * q->x[1] + h;
                for (int64_t c = 0; c < C; c += SS_DW_LANES) {
                    const float *xr = x + at * q->x[2] * C + c, *yr = y + r * q->y[2] * C + c;
                    const int64_t n = ss_min64(SS_DW_LANES, C - c);
                    float *to = sum + t * q->k[2] * C + c;
                    int64_t k = 0;
                    if (n == SS_DW_LANES)
                        for (; k + 3 <= q->k[2]; k += 3)
                            ss_depthwise_row(q, xr, yr, k, 3, SS_DW_LANES, to);
                    for (; k < q->k[2]; k++) ss_depthwise_row(q, xr, yr, k, 1, n, to);
                }
            }
    }
    SS_PARALLEL_FOR (c, C, taps * parts) {
        for (int64_t t = 0; t < taps; t++) {
            double sum = 0;
            for (int64_t p = 0; p < parts; p++) sum += (double)scratch[(p * taps + t) * C + c];
            w[c * taps + t] = (float)sum;
        }
    }
}
#endif
