/* stack.c — tensors of one shape along a new axis. */
#include "support/shape.h"
#include "support/strided.h"

static ss_status infer(ss_call *c)
{
    if (c->nin == 0) return ss_fail(c, SS_E_ARG, "at least one tensor is needed");
    const ss_view *first = &c->in[0];
    const int64_t dim = ss_place(c->attr[0].v[0], first->ndim + 1);
    int64_t shape[SS_MAX_DIM + 1] = {0};
    ss_view type = *first;
    if (dim < 0 || dim > first->ndim)
        return ss_fail(c, SS_E_ARG, "dim %lld is outside 1 to %d", (long long)c->attr[0].v[0],
                       first->ndim + 1);
    for (int i = 1; i < c->nin; i++) {
        const ss_view *x = &c->in[i];
        bool fits = x->ndim == first->ndim;
        for (int a = 0; fits && a < x->ndim; a++) fits = x->shape[a] == first->shape[a];
        if (!fits)
            return ss_fail(c, SS_E_SHAPE, "tensor %d has another shape than the first", i + 1);
        type.dtype = ss_promote(&type, x);
    }
    for (int a = 0; a <= first->ndim; a++)
        shape[a] = a == dim ? c->nin : first->shape[a < dim ? a : a - 1];
    return ss_out(c, 0, type.dtype, first->ndim + 1, shape);
}

static ss_status cpu(ss_call *c)
{
    const ss_view *y = &c->out[0];
    const int dim = (int)ss_place(c->attr[0].v[0], y->ndim);
    for (int i = 0; i < c->nin; i++) {
        ss_view part = ss_view_slice(*y, dim, i, 1, 1);
        for (int a = dim; a + 1 < y->ndim; a++) {
            part.shape[a] = y->shape[a + 1];
            part.stride[a] = y->stride[a + 1];
        }
        part.ndim--;
        ss_copy_view(&part, &c->in[i]);
    }
    return SS_OK;
}

static void grad(ss_grad *g)
{
    const int64_t dim = ss_place(g->attr[0].v[0], g->out_view[0].ndim);
    for (int i = 0; i < g->nin; i++) {
        const ss_attr a[] = {ss_int(dim), ss_int(i + 1)};
        if (g->need[i]) ss_dx(g, i, ss_g(g, "select", 1, (ss_tensor *[]){g->dy[0]}, 2, a));
    }
}

const ss_op SS_OP(stack) = {
    .name = "stack",
    .sig = "xs: any..., dim: int = 1",
    .doc = "Tensors of one shape side by side along a new axis at place dim, counted from 1 in the "
           "result; negatives from the end. Element types are promoted.",
    .infer = infer,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
};
