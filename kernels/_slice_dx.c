/* _slice_dx.c — zeros with dy at places start, start + step, ... of one axis. */
#include "support/strided.h"

static ss_status infer(ss_call *c)
{
    const ss_attr *shape = &c->attr[0];
    const int64_t dim = c->attr[1].v[0], start = c->attr[2].v[0], step = c->attr[3].v[0];
    const ss_view *dy = &c->in[0];
    bool fits = dy->ndim == shape->n && dim >= 0 && dim < shape->n && start >= 0 && step > 0;
    for (int a = 0; fits && a < dy->ndim; a++)
        fits = a == dim ? dy->shape[a] == 0 || start + (dy->shape[a] - 1) * step < shape->v[a]
                        : dy->shape[a] == shape->v[a];
    if (!fits) return ss_fail(c, SS_E_SHAPE, "dy is not a slice of the wanted shape");
    return ss_out(c, 0, dy->dtype, shape->n, shape->v);
}

static ss_status cpu(ss_call *c)
{
    const ss_view *dy = &c->in[0], *dx = &c->out[0];
    const int dim = (int)c->attr[1].v[0];
    const ss_view part = ss_view_slice(*dx, dim, c->attr[2].v[0], dy->shape[dim], c->attr[3].v[0]);
    if (dy->count != dx->count) ss_zero_view(dx);
    ss_copy_view(&part, dy);
    return SS_OK;
}

const ss_op SS_OP(_slice_dx) = {
    .name = "_slice_dx",
    .sig = "dy: float, shape: shape, dim: dim, start: int, step: int = 1",
    .doc = "Zeros of this shape with dy at 0-based places start, start + step, ... of one axis.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
