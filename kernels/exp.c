/* exp.c — e^x. */
#include "support/elementwise.h"
#include "support/vecmath.h"

SS_EW1(block, float, float, ss_expf(a))

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, ss_g2(g, "mul", g->dy[0], g->out[0]));
}

const ss_op SS_OP(exp) = {
    .name = "exp",
    .sig = "x: float",
    .doc = "The exponential function.",
    .infer = ss_infer_like,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
    .saves = SS_SAVE_OUT(0),
};
