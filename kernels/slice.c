/* slice.c — part of one axis. */
#include "support/shape.h"

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0];
    const int dim = (int)c->attr[0].v[0];
    const int64_t n = x->shape[dim], step = c->attr[3].v[0];
    const int64_t start = ss_place(c->attr[1].v[0], n);
    const int64_t stop = c->attr[2].n < 0 ? n - 1 : ss_place(c->attr[2].v[0], n);
    int64_t shape[SS_MAX_DIM] = {0}, stride[SS_MAX_DIM] = {0};
    if (step < 1) return ss_fail(c, SS_E_ARG, "step must be 1 or more, not %lld", (long long)step);
    if (start < 0 || start > n)
        return ss_fail(c, SS_E_ARG, "start %lld is outside axis %d of size %lld",
                       (long long)c->attr[1].v[0], dim + 1, (long long)n);
    if (stop < -1 || stop >= n)
        return ss_fail(c, SS_E_ARG, "stop %lld is outside axis %d of size %lld",
                       (long long)c->attr[2].v[0], dim + 1, (long long)n);
    for (int a = 0; a < x->ndim; a++) {
        shape[a] = x->shape[a];
        stride[a] = x->stride[a];
    }
    shape[dim] = stop < start ? 0 : (stop - start) / step + 1;
    stride[dim] *= step;
    return ss_out_view(c, x->ndim, shape, stride, shape[dim] ? start * x->stride[dim] : 0);
}

static void grad(ss_grad *g)
{
    const ss_view *x = &g->in_view[0];
    const int dim = (int)g->attr[0].v[0];
    const int64_t start = ss_place(g->attr[1].v[0], x->shape[dim]);
    const ss_attr a[] = {ss_ints(x->ndim, x->shape), ss_int(dim), ss_int(start), g->attr[3]};
    ss_dx(g, 0, ss_g(g, "_slice_dx", 1, (ss_tensor *[]){g->dy[0]}, 4, a));
}

const ss_op SS_OP(slice) = {
    .name = "slice",
    .sig = "x: any, dim: dim, start: int, stop?: int, step: int = 1",
    .doc = "A view of places start to stop of one axis, both included and counted from 1, "
           "negatives from the end; without stop to the end. stop = start - 1 gives none.",
    .infer = infer,
    .grad = grad,
    .flags = SS_OP_VIEW | SS_OP_STRIDED,
};
