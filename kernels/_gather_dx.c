/* _gather_dx.c — gradient of gather: dy added up at the places it was read from. */
#include "support/index.h"

static ss_status infer(ss_call *c)
{
    const ss_view *dy = &c->in[0], *index = &c->in[1];
    const ss_attr *shape = &c->attr[0];
    const int dim = (int)c->attr[1].v[0];
    if (shape->n != dy->ndim || !ss_same_but(dy, dim, dy->shape[dim], index))
        return ss_fail(c, SS_E_SHAPE, "dy and index differ in shape");
    for (int a = 0; a < dy->ndim; a++)
        if (a != dim && dy->shape[a] != shape->v[a])
            return ss_fail(c, SS_E_SHAPE, "dy does not fit the wanted shape at axis %d", a + 1);
    return ss_out(c, 0, dy->dtype, shape->n, shape->v);
}

static ss_status cpu(ss_call *c)
{
    const int dim = (int)c->attr[1].v[0];
    const ss_status s = ss_check_index(c, &c->in[1], c->out[0].shape[dim]);
    if (s) return s;
    ss_zero_view(&c->out[0]);
    ss_scatter_add(&c->out[0], &c->in[1], &c->in[0], dim, false);
    return SS_OK;
}

const ss_op SS_OP(_gather_dx) = {
    .name = "_gather_dx",
    .sig = "dy: float, index: index, shape: shape, dim: dim",
    .doc = "Zeros of this shape with dy added at the 0-based places index along axis dim.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
