/* copy.c — a packed copy, whatever the strides of x. */
#include "support/strided.h"

static ss_status cpu(ss_call *c)
{
    ss_copy_view(&c->out[0], &c->in[0]);
    return SS_OK;
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, g->dy[0]);
}

const ss_op SS_OP(copy) = {
    .name = "copy",
    .sig = "x: any",
    .doc = "A contiguous copy of x that shares nothing with it.",
    .infer = ss_infer_like,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
};
