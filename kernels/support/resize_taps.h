/* resize_taps.h — resizing by any number of weighted neighbours per axis: bicubic, and filters that
 * widen with the step when an axis shrinks (antialiasing). Shared by resize and its gradient. */
#ifndef SEMISAM_RESIZE_TAPS_H
#define SEMISAM_RESIZE_TAPS_H
#include "resize.h"

/* Output o of an axis is the sum of w[o * most + k] * in[first[o] + k] over k < count[o]. Outputs
 * [lo[i], hi[i]) are those that may read input i. */
typedef struct {
    int64_t in, out, most;
    int32_t *first, *count, *lo, *hi;
    float *w;
} ss_taps;

/* The three spatial axes of x [n, (d), h, w, c]; an image has a first axis of size 1. */
typedef struct {
    int64_t n, c;
    ss_taps a[3];
} ss_taps_geo;

static inline bool ss_taps_wanted(const ss_attr *attr)
{
    return attr[SS_RESIZE_MODE].v[0] == SS_RESIZE_CUBIC || attr[SS_RESIZE_ANTIALIAS].v[0];
}

/* How far an output reads to each side, in input positions. */
static inline double ss_taps_support(int64_t in, int64_t out, const ss_attr *attr)
{
    const double step = (double)in / (double)out;
    const double reach = attr[SS_RESIZE_MODE].v[0] == SS_RESIZE_CUBIC ? 2 : 1;
    return attr[SS_RESIZE_ANTIALIAS].v[0] && step > 1 ? reach * step : reach;
}

static inline int64_t ss_taps_most(int64_t in, int64_t out, const ss_attr *attr)
{
    return ss_min64(in, (int64_t)ceil(2 * ss_taps_support(in, out, attr)) + 1);
}

/* Keys' cubic convolution kernel (R. Keys, 1981). */
static inline double ss_taps_cubic(double d, double a)
{
    d = fabs(d);
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* Bicubic at position s; neighbours beyond the edge repeat it. */
static inline void ss_taps_at(ss_taps *a, int64_t o, double s)
{
    const int64_t i = (int64_t)floor(s), last = a->in - 1;
    const int64_t first = ss_max64(0, ss_min64(i - 1, last));
    float *w = a->w + o * a->most;
    for (int64_t k = 0; k < a->most; k++) w[k] = 0;
    for (int64_t j = i - 1; j <= i + 2; j++)
        w[ss_max64(0, ss_min64(j, last)) - first] +=
            (float)ss_taps_cubic(s - (double)j, SS_RESIZE_CUBIC_A);
    a->first[o] = (int32_t)first;
    a->count[o] = (int32_t)(ss_max64(0, ss_min64(i + 2, last)) - first + 1);
}

/* A filter centred on output o, cut at the edges and normalised. */
static inline void ss_taps_filter(ss_taps *a, int64_t o, const ss_attr *attr)
{
    const double step = (double)a->in / (double)a->out, wide = step > 1 ? step : 1;
    const double reach = ss_taps_support(a->in, a->out, attr), centre = ((double)o + 0.5) * step;
    const int64_t from = ss_max64(0, (int64_t)(centre - reach + 0.5));
    const int64_t to = ss_min64(a->in, (int64_t)(centre + reach + 0.5));
    const bool cubic = attr[SS_RESIZE_MODE].v[0] == SS_RESIZE_CUBIC;
    float *w = a->w + o * a->most;
    double sum = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t j = from; j < to; j++) {
            const double d = ((double)j + 0.5 - centre) / wide;
            const double v = cubic         ? ss_taps_cubic(d, SS_RESIZE_FILTER_A)
                             : fabs(d) < 1 ? 1 - fabs(d)
                                           : 0;
            if (pass == 0)
                sum += v;
            else
                w[j - from] = (float)(v / sum);
        }
    a->first[o] = (int32_t)from;
    a->count[o] = (int32_t)(to - from);
}

static inline void ss_taps_fill(ss_taps *a, const ss_attr *attr)
{
    const bool corners = attr[SS_RESIZE_CORNERS].v[0] != 0;
    const double last = (double)a->in - 1;
    for (int64_t o = 0; o < a->out; o++) {
        if (attr[SS_RESIZE_ANTIALIAS].v[0])
            ss_taps_filter(a, o, attr);
        else if (corners)
            ss_taps_at(a, o, a->out > 1 ? (double)o * last / (double)(a->out - 1) : 0);
        else
            ss_taps_at(a, o, ((double)o + 0.5) * (double)a->in / (double)a->out - 0.5);
    }
    int64_t lo = 0, hi = 0; /* neither first nor first + count ever decreases */
    for (int64_t i = 0; i < a->in; i++) {
        while (lo < a->out && a->first[lo] + a->count[lo] <= i) lo++;
        while (hi < a->out && a->first[hi] <= i) hi++;
        a->lo[i] = (int32_t)lo;
        a->hi[i] = (int32_t)ss_max64(lo, hi);
    }
}

/* Lays out the tables in `memory` and returns their bytes; fills them unless memory is NULL. x is
 * on the grid that is read, y on the other. */
static inline size_t ss_taps_tables(ss_taps_geo *g, const ss_view *x, const ss_view *y,
                                    const ss_attr *attr, void *memory)
{
    int32_t *m = (int32_t *)memory;
    size_t words = 0;
    g->n = x->shape[0];
    g->c = x->shape[x->ndim - 1];
    for (int k = 0; k < 3; k++) {
        ss_taps *a = &g->a[k];
        const int axis = x->ndim - 4 + k;
        a->in = axis < 1 ? 1 : x->shape[axis];
        a->out = axis < 1 ? 1 : y->shape[axis];
        a->most = ss_taps_most(a->in, a->out, attr);
        if (memory) {
            a->first = m + words;
            a->count = a->first + a->out;
            a->lo = a->count + a->out;
            a->hi = a->lo + a->in;
            a->w = (float *)(a->hi + a->in);
            ss_taps_fill(a, attr);
        }
        words += (size_t)(a->out * (2 + a->most) + 2 * a->in);
    }
    return words * 4;
}

/* How much output o of an axis reads of input i. */
static inline float ss_taps_share(const ss_taps *a, int64_t o, int64_t i)
{
    const int64_t k = i - a->first[o];
    return k >= 0 && k < a->count[o] ? a->w[o * a->most + k] : 0;
}
#endif
