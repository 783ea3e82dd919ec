/* _sum_to.c — undoes broadcasting: sums x over the axes along which `shape` was repeated. */
#include "support/sums.h"

static ss_status infer(ss_call *c)
{
    ss_attr dims;
    if (!ss_repeated_axes(&c->in[0], &c->attr[0], &dims))
        return ss_fail(c, SS_E_SHAPE, "x is not a broadcast of the wanted shape");
    return ss_out(c, 0, c->in[0].dtype, c->attr[0].n, c->attr[0].v);
}

static ss_status plan(ss_call *c)
{
    ss_attr dims;
    ss_repeated_axes(&c->in[0], &c->attr[0], &dims);
    c->scratch_bytes = ss_reduce_scratch(&c->in[0], &dims);
    return SS_OK;
}

static ss_status plan_cuda(ss_call *c)
{
    ss_attr dims;
    ss_repeated_axes(&c->in[0], &c->attr[0], &dims);
    c->scratch_bytes = ss_fold_scratch(&c->in[0], &dims);
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    ss_attr dims;
    ss_repeated_axes(&c->in[0], &c->attr[0], &dims);
    return ss_sum_into(c, &dims, 1);
}

const ss_op SS_OP(_sum_to) = {
    .name = "_sum_to",
    .sig = "x: float, shape: shape",
    .doc = "Sum x back to the shape it was broadcast from.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
