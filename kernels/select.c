/* select.c — one place of one axis; the axis disappears. */
#include "support/shape.h"

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0];
    const int dim = (int)c->attr[0].v[0];
    const int64_t at = ss_place(c->attr[1].v[0], x->shape[dim]);
    int64_t shape[SS_MAX_DIM] = {0}, stride[SS_MAX_DIM] = {0};
    int n = 0;
    if (at < 0 || at >= x->shape[dim])
        return ss_fail(c, SS_E_ARG, "index %lld is outside axis %d of size %lld",
                       (long long)c->attr[1].v[0], dim + 1, (long long)x->shape[dim]);
    for (int a = 0; a < x->ndim; a++) {
        if (a == dim) continue;
        shape[n] = x->shape[a];
        stride[n++] = x->stride[a];
    }
    return ss_out_view(c, n, shape, stride, at * x->stride[dim]);
}

static void grad(ss_grad *g)
{
    const ss_view *x = &g->in_view[0];
    const int64_t dim = g->attr[0].v[0];
    ss_attr one = ss_ints(x->ndim, x->shape);
    one.v[dim] = 1;
    const ss_attr a[] = {ss_ints(x->ndim, x->shape), ss_int(dim),
                         ss_int(ss_place(g->attr[1].v[0], x->shape[dim])), ss_int(1)};
    ss_tensor *dy = ss_g(g, "reshape", 1, (ss_tensor *[]){g->dy[0]}, 1, &one);
    ss_dx(g, 0, ss_g(g, "_slice_dx", 1, &dy, 4, a));
}

const ss_op SS_OP(select) = {
    .name = "select",
    .sig = "x: any, dim: dim, index: int",
    .doc = "A view of one place of an axis, counted from 1, negatives from the end; the axis "
           "disappears.",
    .infer = infer,
    .grad = grad,
    .flags = SS_OP_VIEW | SS_OP_STRIDED,
};
