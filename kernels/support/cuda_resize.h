/* cuda_resize.h — the tables of a resize on the device: one form for all modes; C and C++, for
 * plan_cuda. */
#ifndef SEMISAM_SUPPORT_CUDA_RESIZE_H
#define SEMISAM_SUPPORT_CUDA_RESIZE_H
#include "../op.h"
#include "resize_at.h"

typedef struct ss_resize_plan {
    int64_t n, c;
    ss_taps a[3]; /* an image has a first axis of size 1 */
    ss_taps_how how;
    bool taps; /* cubic or antialiased: zero weights count too, as on the CPU */
    size_t bytes;
} ss_resize_plan;

/* Tables for reading x's grid at the positions of y's, in `memory` or, to count them, NULL. */
static inline ss_resize_plan ss_resize_plan_of(const ss_view *x, const ss_view *y,
                                               const ss_attr *attr, void *memory)
{
    ss_resize_plan p;
    int32_t *m = (int32_t *)memory;
    int64_t words = 0;
    p.n = x->shape[0];
    p.c = x->shape[x->ndim - 1];
    p.how.mode = attr[SS_RESIZE_MODE].v[0];
    p.how.corners = attr[SS_RESIZE_CORNERS].v[0] != 0;
    p.how.antialias = attr[SS_RESIZE_ANTIALIAS].v[0] != 0;
    p.taps = p.how.mode == SS_RESIZE_CUBIC || p.how.antialias;
    for (int k = 0; k < 3; k++) {
        ss_taps *a = &p.a[k];
        const int axis = x->ndim - 4 + k;
        a->in = axis < 1 ? 1 : x->shape[axis];
        a->out = axis < 1 ? 1 : y->shape[axis];
        a->most = p.how.mode == SS_RESIZE_NEAREST ? 1 : 2;
        if (p.taps) a->most = ss_taps_most(a->in, a->out, p.how);
        a->first = a->count = a->lo = a->hi = m;
        a->w = (float *)m;
        if (m) {
            a->first = m + words;
            a->count = a->first + a->out;
            a->lo = a->count + a->out;
            a->hi = a->lo + a->in;
            a->w = (float *)(a->hi + a->in);
        }
        words += a->out * (2 + a->most) + 2 * a->in;
    }
    p.bytes = (size_t)words * 4;
    return p;
}
#endif
