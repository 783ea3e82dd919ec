/* cast.c — the same numbers in another element type. */
#include "support/strided.h"

static ss_status infer(ss_call *c)
{
    return ss_out(c, 0, (ss_dtype)c->attr[0].v[0], c->in[0].ndim, c->in[0].shape);
}

static ss_status cpu(ss_call *c)
{
    ss_copy_view(&c->out[0], &c->in[0]);
    return SS_OK;
}

static void grad(ss_grad *g) /* the engine brings dy to x's type */
{
    ss_dx(g, 0, g->dy[0]);
}

const ss_op SS_OP(cast) = {
    .name = "cast",
    .sig = "x: any, dtype: dtype",
    .doc = "x with another element type. Floats become integers by rounding to nearest even, what "
           "does not fit saturates, NaN becomes 0; anything but zero becomes true.",
    .infer = infer,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
};
