/* resize_u8.h — the fixed-point weights of resize_u8, for the CPU and the CUDA device. */
#ifndef SEMISAM_RESIZE_U8_H
#define SEMISAM_RESIZE_U8_H
#include "../op.h"
#include "both.h"

enum { SS_U8_BITS = 22 }; /* fraction of the weights */

/* Output o of an axis is the sum over k < count[o] of weight[o * most + k] * in[first[o] + k]. */
typedef struct ss_u8_axis {
    int64_t in, out, most; /* `most`: weights kept for one output; 0: the axis keeps its size */
    int32_t *first, *count, *weight;
} ss_u8_axis;

SS_BOTH double ss_u8_scale(const ss_u8_axis *a)
{
    return (double)a->in / (double)a->out;
}
SS_BOTH double ss_u8_support(const ss_u8_axis *a)
{
    return 2 * fmax(1.0, ss_u8_scale(a));
}

/* The axis without its tables. */
static inline ss_u8_axis ss_u8_axis_of(int64_t in, int64_t out)
{
    ss_u8_axis a;
    memset(&a, 0, sizeof a);
    a.in = in;
    a.out = out;
    a.most = in == out ? 0 : 2 * (int64_t)ceil(ss_u8_support(&a)) + 1;
    return a;
}
static inline size_t ss_u8_axis_bytes(const ss_u8_axis *a)
{
    return (size_t)(a->out * (a->most + 2)) * sizeof(int32_t);
}
/* Lays the tables out at `memory`; returns what follows them. */
static inline void *ss_u8_axis_at(ss_u8_axis *a, void *memory)
{
    a->first = (int32_t *)memory;
    a->count = a->first + a->out;
    a->weight = a->count + a->out;
    return a->weight + a->out * a->most;
}

/* Keys' cubic convolution with a = -1/2. */
SS_BOTH double ss_u8_cubic(double t)
{
    t = fabs(t);
    if (t < 1) return ss_prod(ss_prod(ss_prod(1.5, t) - 2.5, t), t) + 1;
    if (t < 2) return ss_prod(ss_prod(ss_prod(t - 5, t) + 8, t), -0.5) - 4 * -0.5;
    return 0;
}

/* Weights of output o, normalised in double and rounded half away from zero. */
SS_BOTH void ss_u8_weigh(const ss_u8_axis *a, int64_t o)
{
    const double scale = ss_u8_scale(a), support = ss_u8_support(a);
    const double centre = ss_prod((double)o + 0.5, scale), squeeze = 1 / fmax(1.0, scale);
    int64_t lo = (int64_t)(centre - support + 0.5), hi = (int64_t)(centre + support + 0.5);
    int32_t *w = a->weight + o * a->most;
    double sum = 0;
    if (lo < 0) lo = 0;
    if (hi > a->in) hi = a->in;
    for (int64_t j = lo; j < hi; j++)
        sum += ss_u8_cubic(ss_prod((double)j - centre + 0.5, squeeze));
    for (int64_t j = lo; j < hi; j++) {
        double v = ss_u8_cubic(ss_prod((double)j - centre + 0.5, squeeze));
        if (sum != 0) v /= sum;
        w[j - lo] = (int32_t)(ss_prod(v, 1 << SS_U8_BITS) + (v < 0 ? -0.5 : 0.5));
    }
    a->first[o] = (int32_t)lo;
    a->count[o] = (int32_t)(hi - lo);
}

SS_BOTH uint8_t ss_u8_clip(int32_t sum)
{
    const int32_t v = sum >> SS_U8_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}
#endif
