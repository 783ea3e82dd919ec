/* scatter_add.c — elements added at indexed places along an axis. */
#include "support/index.h"

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0], *index = &c->in[1], *src = &c->in[2];
    const int dim = (int)c->attr[0].v[0];
    if (index->ndim != x->ndim || !ss_same_but(x, dim, index->shape[dim], index))
        return ss_fail(c, SS_E_SHAPE, "index has x's shape except along axis %d", dim + 1);
    if (!ss_same_but(index, dim, index->shape[dim], src))
        return ss_fail(c, SS_E_SHAPE, "src and index differ in shape");
    if (src->dtype != x->dtype)
        return ss_fail(c, SS_E_DTYPE, "x is %s and src %s, they must agree",
                       ss_dtype_name(x->dtype), ss_dtype_name(src->dtype));
    return ss_out_like(c, 0, x);
}

static ss_status cpu(ss_call *c)
{
    const int dim = (int)c->attr[0].v[0];
    const ss_status s = ss_check_index(c, &c->in[1], c->in[0].shape[dim]);
    if (s) return s;
    ss_copy_view(&c->out[0], &c->in[0]);
    ss_scatter_add(&c->out[0], &c->in[1], &c->in[2], dim, false);
    return SS_OK;
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, g->dy[0]);
    if (g->need[2])
        ss_dx(g, 2, ss_g(g, "gather", 2, (ss_tensor *[]){g->dy[0], g->in[1]}, 1, g->attr));
}

const ss_op SS_OP(scatter_add) = {
    .name = "scatter_add",
    .sig = "x: num, index: index, src: num, dim: dim",
    .doc =
        "A copy of x with src[..., i, ...] added at place index[..., i, ...] of axis dim. Indices "
        "count from 0; additions to one place happen in the order of i.",
    .infer = infer,
    .cpu = cpu,
    .grad = grad,
    .saves = SS_SAVE_IN(1),
};
