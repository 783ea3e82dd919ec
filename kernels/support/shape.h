/* shape.h — results that share their input's bytes. */
#ifndef SEMISAM_SHAPE_H
#define SEMISAM_SHAPE_H
#include "../op.h"

/* out[0] is a view of in[0] with these sizes and strides, `offset` elements into it. */
static inline ss_status ss_out_view(ss_call *c, int ndim, const int64_t *shape,
                                    const int64_t *stride, int64_t offset)
{
    ss_status s = ss_out(c, 0, c->in[0].dtype, ndim, shape);
    for (int a = 0; s == SS_OK && a < ndim; a++) c->out[0].stride[a] = stride[a];
    c->out_offset = offset;
    return s;
}

/* A 1-based place on an axis of n, negatives from the end, as a 0-based one (not checked). */
static inline int64_t ss_place(int64_t i, int64_t n)
{
    return i < 0 ? n + i : i - 1;
}
#endif
