/* silu.c — x sigmoid(x). */
#include "support/elementwise.h"
#include "support/vecmath.h"

SS_EW1(block, float, float, (a < -104.0f ? 0.0f : a) * ss_sigmoidf(a))

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, ss_g(g, "_silu_dx", 2, (ss_tensor *[]){g->dy[0], g->in[0]}, 0, NULL));
}

const ss_op SS_OP(silu) = {
    .name = "silu",
    .sig = "x: float",
    .doc = "x / (1 + exp(-x)), also called swish.",
    .infer = ss_infer_like,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
    .saves = SS_SAVE_IN(0),
};
