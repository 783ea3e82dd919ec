/* permute.c — the axes of x in another order. */
#include "support/shape.h"

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0];
    const ss_attr *dims = &c->attr[0];
    int64_t shape[SS_MAX_DIM] = {0}, stride[SS_MAX_DIM] = {0};
    unsigned seen = 0;
    if (dims->n != x->ndim)
        return ss_fail(c, SS_E_ARG, "dims lists %d axes, x has %d", dims->n, x->ndim);
    for (int a = 0; a < x->ndim; a++) {
        const int from = (int)dims->v[a];
        if (seen & (1u << from)) return ss_fail(c, SS_E_ARG, "dims names axis %d twice", from + 1);
        seen |= 1u << from;
        shape[a] = x->shape[from];
        stride[a] = x->stride[from];
    }
    return ss_out_view(c, x->ndim, shape, stride, 0);
}

static void grad(ss_grad *g)
{
    ss_attr back = {.n = g->attr[0].n};
    for (int a = 0; a < back.n; a++) back.v[g->attr[0].v[a]] = a;
    ss_dx(g, 0, ss_g(g, "permute", 1, (ss_tensor *[]){g->dy[0]}, 1, &back));
}

const ss_op SS_OP(permute) = {
    .name = "permute",
    .sig = "x: any, dims: dims",
    .doc = "A view of x whose axis i is x's axis dims[i].",
    .infer = infer,
    .grad = grad,
    .flags = SS_OP_VIEW | SS_OP_STRIDED,
};
