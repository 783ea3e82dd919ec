/* _sum_to.c — undoes broadcasting: sums x over the axes along which `shape` was repeated. */
#include "support/sums.h"

/* The repeated axes; n = 0 when there are none. False when shape does not broadcast to x. */
static bool repeated(const ss_view *x, const ss_attr *shape, ss_attr *dims)
{
    const int lead = x->ndim - shape->n;
    *dims = (ss_attr){0};
    if (lead < 0) return false;
    for (int a = 0; a < x->ndim; a++) {
        const int64_t want = a < lead ? 1 : shape->v[a - lead];
        if (want != x->shape[a] && want != 1) return false;
        if (a < lead || want != x->shape[a]) dims->v[dims->n++] = a;
    }
    return true;
}

static ss_status infer(ss_call *c)
{
    ss_attr dims;
    if (!repeated(&c->in[0], &c->attr[0], &dims))
        return ss_fail(c, SS_E_SHAPE, "x is not a broadcast of the wanted shape");
    return ss_out(c, 0, c->in[0].dtype, c->attr[0].n, c->attr[0].v);
}

static ss_status plan(ss_call *c)
{
    ss_attr dims;
    repeated(&c->in[0], &c->attr[0], &dims);
    c->scratch_bytes = ss_reduce_scratch(&c->in[0], &dims);
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    ss_attr dims;
    repeated(&c->in[0], &c->attr[0], &dims);
    return ss_sum_into(c, &dims, 1);
}

const ss_op SS_OP(_sum_to) = {
    .name = "_sum_to",
    .sig = "x: float, shape: shape",
    .doc = "Sum x back to the shape it was broadcast from.",
    .infer = infer,
    .plan = plan,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
