/* resize.h — how an output position of a resized axis reads its input axis; shared by resize and
 * its gradient. */
#ifndef SEMISAM_RESIZE_H
#define SEMISAM_RESIZE_H
#include "block.h"
#include "resize_at.h"
#include <omp.h>

#define SS_RESIZE_ATTRS                                                                            \
    "size: ints, mode: enum(nearest|linear|cubic) = linear, align_corners: bool = false, "         \
    "antialias: bool = false"

/* Output o of an axis is (1 - w[o]) * in[i0[o]] + w[o] * in[i1[o]]; for nearest i1 = i0, w = 0.
 * Outputs [lo[i], hi[i]) are those that may read input i. */
typedef struct {
    int64_t in, out;
    int32_t *i0, *i1, *lo, *hi;
    float *w;
} ss_resize_axis;

/* The three spatial axes of x [n, (d), h, w, c]; an image has a first axis of size 1. */
typedef struct {
    int64_t n, c;
    ss_resize_axis a[3];
} ss_resize_geo;

/* Bytes of the tables; out may be smaller or larger than in. */
static inline size_t ss_resize_bytes(const ss_view *small, const ss_view *large)
{
    size_t n = 3;
    for (int i = 1; i < small->ndim - 1; i++)
        n += 3 * (size_t)small->shape[i] + 3 * (size_t)large->shape[i];
    return n * 4;
}

static inline void ss_resize_axis_fill(ss_resize_axis *a, int64_t mode, bool corners)
{
    for (int64_t o = 0; o < a->out; o++) {
        int64_t i;
        ss_resize_at(o, a->in, a->out, mode, corners, &i, &a->w[o]);
        a->i0[o] = (int32_t)i;
        a->i1[o] = (int32_t)(mode == SS_RESIZE_NEAREST ? i : ss_min64(i + 1, a->in - 1));
    }
    int64_t lo = 0, hi = 0; /* i0 and i1 never decrease */
    for (int64_t i = 0; i < a->in; i++) {
        while (lo < a->out && a->i1[lo] < i) lo++;
        while (hi < a->out && a->i0[hi] <= i) hi++;
        a->lo[i] = (int32_t)lo;
        a->hi[i] = (int32_t)ss_max64(lo, hi);
    }
}

/* Tables for resizing x's axes to those of y, in `memory`. */
static inline ss_resize_geo ss_resize_tables(const ss_view *x, const ss_view *y,
                                             const ss_attr *attr, void *memory)
{
    ss_resize_geo g = {.n = x->shape[0], .c = x->shape[x->ndim - 1]};
    int32_t *m = (int32_t *)memory;
    for (int k = 0; k < 3; k++) {
        ss_resize_axis *a = &g.a[k];
        const int axis = x->ndim - 4 + k;
        a->in = axis < 1 ? 1 : x->shape[axis];
        a->out = axis < 1 ? 1 : y->shape[axis];
        a->i0 = m;
        a->i1 = a->i0 + a->out;
        a->w = (float *)(a->i1 + a->out);
        a->lo = a->i1 + 2 * a->out;
        a->hi = a->lo + a->in;
        m = a->hi + a->in;
        if (x->count && y->count)
            ss_resize_axis_fill(a, attr[SS_RESIZE_MODE].v[0], attr[SS_RESIZE_CORNERS].v[0] != 0);
    }
    return g;
}
#endif
