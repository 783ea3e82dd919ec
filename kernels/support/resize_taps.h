/* resize_taps.h — resizing by any number of weighted neighbours per axis: bicubic, and filters that
 * widen with the step when an axis shrinks (antialiasing). Shared by resize and its gradient. */
#ifndef SEMISAM_RESIZE_TAPS_H
#define SEMISAM_RESIZE_TAPS_H
#include "resize.h"

/* The three spatial axes of x [n, (d), h, w, c]; an image has a first axis of size 1. */
typedef struct {
    int64_t n, c;
    ss_taps a[3];
} ss_taps_geo;

static inline bool ss_taps_wanted(const ss_attr *attr)
{
    return attr[SS_RESIZE_MODE].v[0] == SS_RESIZE_CUBIC || attr[SS_RESIZE_ANTIALIAS].v[0];
}

static inline ss_taps_how ss_taps_how_of(const ss_attr *attr)
{
    return (ss_taps_how){attr[SS_RESIZE_MODE].v[0], attr[SS_RESIZE_CORNERS].v[0] != 0,
                         attr[SS_RESIZE_ANTIALIAS].v[0] != 0};
}

static inline void ss_taps_fill(ss_taps *a, const ss_attr *attr)
{
    const ss_taps_how how = ss_taps_how_of(attr);
    for (int64_t o = 0; o < a->out; o++) ss_taps_output(a, o, how);
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
        a->most = ss_taps_most(a->in, a->out, ss_taps_how_of(attr));
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
#endif
