/* transpose.c — two axes of x exchanged. */
#include "support/shape.h"

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0];
    int64_t shape[SS_MAX_DIM] = {0}, stride[SS_MAX_DIM] = {0};
    for (int a = 0; a < x->ndim; a++) {
        const int64_t from = a == c->attr[0].v[0]   ? c->attr[1].v[0]
                             : a == c->attr[1].v[0] ? c->attr[0].v[0]
                                                    : a;
        shape[a] = x->shape[from];
        stride[a] = x->stride[from];
    }
    return ss_out_view(c, x->ndim, shape, stride, 0);
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, ss_g(g, "transpose", 1, (ss_tensor *[]){g->dy[0]}, 2, g->attr));
}

const ss_op SS_OP(transpose) = {
    .name = "transpose",
    .sig = "x: any, dim1: dim, dim2: dim",
    .doc = "A view of x with axes dim1 and dim2 exchanged.",
    .infer = infer,
    .grad = grad,
    .flags = SS_OP_VIEW | SS_OP_STRIDED,
};
