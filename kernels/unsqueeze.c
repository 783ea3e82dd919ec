/* unsqueeze.c — a new axis of size 1. */
#include "support/shape.h"

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0];
    const int64_t dim = ss_place(c->attr[0].v[0], x->ndim + 1);
    int64_t shape[SS_MAX_DIM] = {0}, stride[SS_MAX_DIM] = {0};
    if (dim < 0 || dim > x->ndim)
        return ss_fail(c, SS_E_ARG, "dim %lld is outside 1 to %d", (long long)c->attr[0].v[0],
                       x->ndim + 1);
    if (x->ndim == SS_MAX_DIM)
        return ss_fail(c, SS_E_SHAPE, "x already has %d axes, the most supported", SS_MAX_DIM);
    for (int a = 0; a <= x->ndim; a++) {
        const int64_t from = a < dim ? a : a - 1;
        shape[a] = a == dim ? 1 : x->shape[from];
        stride[a] = a == dim ? 1 : x->stride[from];
    }
    return ss_out_view(c, x->ndim + 1, shape, stride, 0);
}

static void grad(ss_grad *g)
{
    const ss_attr shape = ss_ints(g->in_view[0].ndim, g->in_view[0].shape);
    ss_dx(g, 0, ss_g(g, "reshape", 1, (ss_tensor *[]){g->dy[0]}, 1, &shape));
}

const ss_op SS_OP(unsqueeze) = {
    .name = "unsqueeze",
    .sig = "x: any, dim: int",
    .doc = "A view of x with a new axis of size 1 at place dim, counted from 1 in the result; "
           "negatives from the end.",
    .infer = infer,
    .grad = grad,
    .flags = SS_OP_VIEW | SS_OP_STRIDED,
};
