/* resize.h — tables of a resize, filled on the device. */
#ifndef SEMISAM_CUDA_RESIZE_H
#define SEMISAM_CUDA_RESIZE_H
#include "split.h"
#include "support/cuda_resize.h"

/* Rows of the tables of outputs; blockIdx.y: the axis. */
template <int K> SS_KERNEL(ss_resize_outputs)(ss_resize_plan p)
{
    ss_taps *a = &p.a[blockIdx.y];
    SS_EACH (o, a->out) {
        if (p.taps) {
            ss_taps_output(a, o, p.how);
            continue;
        }
        int64_t i;
        float w, *to = a->w + o * a->most;
        ss_resize_at(o, a->in, a->out, p.how.mode, p.how.corners, &i, &w);
        const bool pair = p.how.mode != SS_RESIZE_NEAREST && i + 1 < a->in;
        a->first[o] = (int32_t)i;
        a->count[o] = pair ? 2 : 1;
        to[0] = pair ? 1 - w : 1;
        if (pair) to[1] = w;
    }
}

/* First output that ends after input i, or with `after` that starts after it: neither first nor
 * first + count ever decreases. */
SS_DEVICE int32_t ss_resize_search(const ss_taps &a, int64_t i, bool after)
{
    int64_t low = 0, high = a.out;
    while (low < high) {
        const int64_t o = (low + high) / 2;
        if (after ? a.first[o] > i : a.first[o] + a.count[o] > i)
            high = o;
        else
            low = o + 1;
    }
    return (int32_t)low;
}
template <int K> SS_KERNEL(ss_resize_inputs)(ss_resize_plan p)
{
    const ss_taps &a = p.a[blockIdx.y];
    SS_EACH (i, a.in) {
        const int32_t lo = ss_resize_search(a, i, false), hi = ss_resize_search(a, i, true);
        a.lo[i] = lo;
        a.hi[i] = hi > lo ? hi : lo;
    }
}

/* Fills the outputs' tables, and those of the inputs for a gradient. */
static inline ss_resize_plan ss_resize_tables_on(ss_call *c, ss_gpu *g, const ss_view *x,
                                                 const ss_view *y, bool grad)
{
    const ss_resize_plan p = ss_resize_plan_of(x, y, c->attr, c->scratch);
    int64_t out = 1, in = 1;
    for (int k = 0; k < 3; k++) {
        if (p.a[k].out > out) out = p.a[k].out;
        if (p.a[k].in > in) in = p.a[k].in;
    }
    SS_LAUNCH(g, ss_resize_outputs<0>, dim3(ss_grid(g, out), 3), SS_BLOCK, 0, p);
    if (grad) SS_LAUNCH(g, ss_resize_inputs<0>, dim3(ss_grid(g, in), 3), SS_BLOCK, 0, p);
    return p;
}
#endif
