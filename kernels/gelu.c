/* gelu.c — x times the normal distribution function of x. */
#include "support/elementwise.h"
#include "support/vecmath.h"

SS_EW1(block, float, float, ss_geluf(a))

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, ss_g(g, "_gelu_dx", 2, (ss_tensor *[]){g->dy[0], g->in[0]}, 0, NULL));
}

const ss_op SS_OP(gelu) = {
    .name = "gelu",
    .sig = "x: float",
    .doc = "x P(X < x) for normal X: the exact (erf) form, not the tanh approximation.",
    .infer = ss_infer_like,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
    .saves = SS_SAVE_IN(0),
};
