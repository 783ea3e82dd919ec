/* _flat_part.c — a run of a flat tensor seen as a tensor of its own. */
#include "cpu.h"

enum { AT, SHAPE };

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0];
    const ss_attr *shape = &c->attr[SHAPE];
    const int64_t at = c->attr[AT].v[0];
    if (x->ndim != 1) return ss_fail(c, SS_E_SHAPE, "x must be flat, got %d axes", x->ndim);
    ss_status s = ss_out(c, 0, x->dtype, shape->n, shape->v);
    if (s != SS_OK) return s;
    ss_view *y = &c->out[0];
    if (at < 0 || at > x->shape[0] - y->count)
        return ss_fail(c, SS_E_ARG, "%lld elements from %lld on do not lie within %lld",
                       (long long)y->count, (long long)at, (long long)x->shape[0]);
    int64_t step = x->stride[0];
    for (int i = y->ndim - 1; i >= 0; i--) {
        y->stride[i] = step;
        step *= y->shape[i];
    }
    c->out_offset = at * x->stride[0];
    return SS_OK;
}

const ss_op SS_OP(_flat_part) = {
    .name = "_flat_part",
    .sig = "x: any, at: int, shape: shape",
    .doc = "View of the elements of `x` [n] from offset `at` (from 0) on, in the given shape.",
    .infer = infer,
    .flags = SS_OP_VIEW | SS_OP_NO_GRAD,
};
