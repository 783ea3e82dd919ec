/* resize_at.h — where an output position of a resized axis reads, and with which weights; for the
 * CPU and for CUDA kernels. */
#ifndef SEMISAM_RESIZE_AT_H
#define SEMISAM_RESIZE_AT_H
#include "both.h"
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

enum { SS_RESIZE_SIZE, SS_RESIZE_MODE, SS_RESIZE_CORNERS, SS_RESIZE_ANTIALIAS };
enum { SS_RESIZE_NEAREST, SS_RESIZE_LINEAR, SS_RESIZE_CUBIC };

/* Parameter of the cubic kernel: plain as in torch, as a filter as in Pillow and torch. */
#define SS_RESIZE_CUBIC_A (-0.75)
#define SS_RESIZE_FILTER_A (-0.5)

/* Nearest and linear: output o reads 1 - w of position i and w of the one after it. */
SS_BOTH void ss_resize_at(int64_t o, int64_t in, int64_t out, int64_t mode, bool corners,
                          int64_t *i, float *w)
{
    if (mode == SS_RESIZE_NEAREST) {
        *i = o * in / out;
        *w = 0;
        return;
    }
    double s = ((double)o + 0.5) * (double)in / (double)out - 0.5;
    if (corners) s = out > 1 ? (double)o * (double)(in - 1) / (double)(out - 1) : 0;
    s = s < 0 ? 0 : s;
    *i = (int64_t)s;
    if (*i > in - 1) *i = in - 1;
    *w = (float)(s - (double)*i);
}

/* Output o of an axis is the sum of w[o * most + k] * in[first[o] + k] over k < count[o]. Outputs
 * [lo[i], hi[i]) are those that may read input i. */
typedef struct {
    int64_t in, out, most;
    int32_t *first, *count, *lo, *hi;
    float *w;
} ss_taps;

typedef struct {
    int64_t mode;
    bool corners, antialias;
} ss_taps_how;

/* How far an output reads to each side, in input positions. */
SS_BOTH double ss_taps_support(int64_t in, int64_t out, ss_taps_how how)
{
    const double step = (double)in / (double)out, reach = how.mode == SS_RESIZE_CUBIC ? 2 : 1;
    return how.antialias && step > 1 ? reach * step : reach;
}

SS_BOTH int64_t ss_taps_most(int64_t in, int64_t out, ss_taps_how how)
{
    const int64_t most = (int64_t)ceil(2 * ss_taps_support(in, out, how)) + 1;
    return most < in ? most : in;
}

/* Keys' cubic convolution kernel (R. Keys, 1981). */
SS_BOTH double ss_taps_cubic(double d, double a)
{
    d = fabs(d);
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* x, or the end of the axis that it lies beyond. */
SS_BOTH int64_t ss_taps_inside(int64_t x, int64_t last)
{
    return x < 0 ? 0 : x < last ? x : last;
}

/* Bicubic at position s; neighbours beyond the edge repeat it. */
SS_BOTH void ss_taps_at(ss_taps *a, int64_t o, double s)
{
    const int64_t i = (int64_t)floor(s), last = a->in - 1, first = ss_taps_inside(i - 1, last);
    float *w = a->w + o * a->most;
    for (int64_t k = 0; k < a->most; k++) w[k] = 0;
    for (int64_t j = i - 1; j <= i + 2; j++)
        w[ss_taps_inside(j, last) - first] +=
            (float)ss_taps_cubic(s - (double)j, SS_RESIZE_CUBIC_A);
    a->first[o] = (int32_t)first;
    a->count[o] = (int32_t)(ss_taps_inside(i + 2, last) - first + 1);
}

/* A filter centred on output o, cut at the edges and normalised. */
SS_BOTH void ss_taps_filter(ss_taps *a, int64_t o, ss_taps_how how)
{
    const double step = (double)a->in / (double)a->out, wide = step > 1 ? step : 1;
    const double reach = ss_taps_support(a->in, a->out, how), centre = ((double)o + 0.5) * step;
    const int64_t low = (int64_t)(centre - reach + 0.5), high = (int64_t)(centre + reach + 0.5);
    const int64_t from = low > 0 ? low : 0, to = high < a->in ? high : a->in;
    float *w = a->w + o * a->most;
    double sum = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t j = from; j < to; j++) {
            const double d = ((double)j + 0.5 - centre) / wide;
            const double v = how.mode == SS_RESIZE_CUBIC ? ss_taps_cubic(d, SS_RESIZE_FILTER_A)
                             : fabs(d) < 1               ? 1 - fabs(d)
                                                         : 0;
            if (pass == 0)
                sum += v;
            else
                w[j - from] = (float)(v / sum);
        }
    a->first[o] = (int32_t)from;
    a->count[o] = (int32_t)(to - from);
}

/* Row o of the tables of a cubic or antialiased axis. */
SS_BOTH void ss_taps_output(ss_taps *a, int64_t o, ss_taps_how how)
{
    if (how.antialias)
        ss_taps_filter(a, o, how);
    else if (how.corners)
        ss_taps_at(a, o, a->out > 1 ? (double)o * ((double)a->in - 1) / (double)(a->out - 1) : 0);
    else
        ss_taps_at(a, o, ((double)o + 0.5) * (double)a->in / (double)a->out - 0.5);
}

/* How much output o of an axis reads of input i. */
SS_BOTH float ss_taps_share(const ss_taps *a, int64_t o, int64_t i)
{
    const int64_t k = i - a->first[o];
    return k >= 0 && k < a->count[o] ? a->w[o * a->most + k] : 0;
}
#endif
