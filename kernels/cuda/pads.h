/* pads.h — the geometry that pad and its gradient share, on the device. */
#ifndef SEMISAM_CUDA_PADS_H
#define SEMISAM_CUDA_PADS_H
#include "cuda.h"
#include "support/padding.h"

/* One more axis than a tensor has: pad splits off the units of a run. */
struct ss_pads {
    int nd;
    ss_pad_mode mode;
    int64_t before[SS_MAX_DIM + 1], have[SS_MAX_DIM + 1], padded[SS_MAX_DIM + 1];
};
static inline ss_pads ss_pads_of(const ss_attr *pads, const ss_view *x, const ss_view *y,
                                 ss_pad_mode mode)
{
    ss_pads p = {};
    p.nd = x->ndim;
    p.mode = mode;
    for (int a = 0; a < x->ndim; a++) {
        p.before[a] = ss_pad_before(pads, x->ndim, a);
        p.have[a] = x->shape[a];
        p.padded[a] = y->shape[a];
    }
    return p;
}

/* The padded places of axis a that show its place j are a range in edge mode, else j itself and
 * its mirror images. */
SS_DEVICE bool ss_pad_inside(const ss_pads &p, int a, int64_t i)
{
    return i >= 0 && i < p.padded[a];
}
SS_DEVICE int64_t ss_pad_low(const ss_pads &p, int a, int64_t j)
{
    const int64_t i = j == 0 ? 0 : j + p.before[a];
    return i < 0 ? 0 : i;
}
/* Place `which` of the three candidates in ascending order; outside when there is none. */
SS_DEVICE int64_t ss_pad_image(const ss_pads &p, int a, int64_t j, int which)
{
    const int64_t last = p.have[a] - 1;
    if (which == 1) return j + p.before[a];
    if (p.mode != SS_PAD_REFLECT || j == (which == 0 ? 0 : last)) return -1;
    return p.before[a] + (which == 0 ? -j : 2 * last - j);
}
/* How many they are. */
SS_DEVICE int64_t ss_pad_shows(const ss_pads &p, int a, int64_t j)
{
    if (p.mode == SS_PAD_EDGE) {
        const int64_t high = j == p.have[a] - 1 ? p.padded[a] - 1 : j + p.before[a];
        const int64_t last = high < p.padded[a] ? high : p.padded[a] - 1;
        const int64_t n = last - ss_pad_low(p, a, j) + 1;
        return n < 0 ? 0 : n;
    }
    int64_t n = 0;
    for (int q = 0; q < 3; q++) n += ss_pad_inside(p, a, ss_pad_image(p, a, j, q));
    return n;
}
/* The one numbered `which`, in ascending order. */
SS_DEVICE int64_t ss_pad_shown(const ss_pads &p, int a, int64_t j, int64_t which)
{
    if (p.mode == SS_PAD_EDGE) return ss_pad_low(p, a, j) + which;
    int64_t i = -1;
    for (int q = 0; q < 3 && which >= 0; q++) {
        i = ss_pad_image(p, a, j, q);
        if (ss_pad_inside(p, a, i)) which--;
    }
    return i;
}
#endif
