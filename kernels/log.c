/* log.c — natural logarithm. */
#include "support/elementwise.h"
#include "support/vecmath.h"

SS_EW1(block, float, float, ss_logf(a))

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, ss_g2(g, "div", g->dy[0], g->in[0]));
}

const ss_op SS_OP(log) = {
    .name = "log",
    .sig = "x: float",
    .doc = "Natural logarithm; -inf at 0, NaN below.",
    .infer = ss_infer_like,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
    .saves = SS_SAVE_IN(0),
};
