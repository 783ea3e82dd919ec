/* cat.c — tensors one after the other along an axis. */
#include "support/strided.h"

static ss_status infer(ss_call *c)
{
    const int64_t dim = c->attr[0].v[0];
    if (c->nin == 0) return ss_fail(c, SS_E_ARG, "at least one tensor is needed");
    const ss_view *first = &c->in[0];
    int64_t shape[SS_MAX_DIM] = {0};
    ss_view type = *first;
    if (first->ndim == 0) return ss_fail(c, SS_E_SHAPE, "a scalar has no axis to join along");
    for (int a = 0; a < first->ndim; a++) shape[a] = first->shape[a];
    for (int i = 1; i < c->nin; i++) {
        const ss_view *x = &c->in[i];
        bool fits = x->ndim == first->ndim;
        for (int a = 0; fits && a < x->ndim; a++) fits = a == dim || x->shape[a] == shape[a];
        if (!fits)
            return ss_fail(c, SS_E_SHAPE, "tensor %d differs from the first beside axis %d", i + 1,
                           (int)dim + 1);
        if (__builtin_add_overflow(shape[dim], x->shape[dim], &shape[dim]))
            return ss_fail(c, SS_E_SHAPE, "axis %d would be too long", (int)dim + 1);
        type.dtype = ss_promote(&type, x);
    }
    return ss_out(c, 0, type.dtype, first->ndim, shape);
}

static ss_status cpu(ss_call *c)
{
    const int dim = (int)c->attr[0].v[0];
    int64_t at = 0;
    for (int i = 0; i < c->nin; i++) {
        const ss_view part = ss_view_slice(c->out[0], dim, at, c->in[i].shape[dim], 1);
        ss_copy_view(&part, &c->in[i]);
        at += c->in[i].shape[dim];
    }
    return SS_OK;
}

static void grad(ss_grad *g)
{
    const int64_t dim = g->attr[0].v[0];
    int64_t at = 0;
    for (int i = 0; i < g->nin; i++) {
        const int64_t n = g->in_view[i].shape[dim];
        const ss_attr a[] = {ss_int(dim), ss_int(at + 1), ss_int(at + n), ss_int(1)};
        if (g->need[i]) ss_dx(g, i, ss_g(g, "slice", 1, (ss_tensor *[]){g->dy[0]}, 4, a));
        at += n;
    }
}

const ss_op SS_OP(cat) = {
    .name = "cat",
    .sig = "xs: any..., dim: dim = 1",
    .doc = "The tensors joined along axis dim; the other axes agree. Element types are promoted.",
    .infer = infer,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
};
