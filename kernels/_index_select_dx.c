/* _index_select_dx.c — gradient of index_select: slices of dy added up where they came from. */
#include "support/index.h"

static ss_status infer(ss_call *c)
{
    const ss_view *dy = &c->in[0], *index = &c->in[1];
    const ss_attr *shape = &c->attr[0];
    const int64_t dim = c->attr[1].v[0];
    bool fits = shape->n == dy->ndim && index->ndim == 1;
    for (int a = 0; fits && a < dy->ndim; a++)
        fits = dy->shape[a] == (a == dim ? index->shape[0] : shape->v[a]);
    if (!fits)
        return ss_fail(c, SS_E_SHAPE, "dy, index and the wanted shape do not belong together");
    return ss_out(c, 0, dy->dtype, shape->n, shape->v);
}

static ss_status cpu(ss_call *c)
{
    const int dim = (int)c->attr[1].v[0];
    const ss_status s = ss_check_index(c, &c->in[1], c->out[0].shape[dim]);
    if (s) return s;
    ss_zero_view(&c->out[0]);
    ss_scatter_add(&c->out[0], &c->in[1], &c->in[0], dim, true);
    return SS_OK;
}

const ss_op SS_OP(_index_select_dx) = {
    .name = "_index_select_dx",
    .sig = "dy: float, index: index, shape: shape, dim: dim",
    .doc = "Zeros of this shape with slice i of dy added to slice index[i] (from 0) of axis dim.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
