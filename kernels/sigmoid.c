/* sigmoid.c — 1 / (1 + e^-x). */
#include "support/elementwise.h"
#include "support/vecmath.h"

SS_EW1(block, float, float, ss_sigmoidf(a))

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, ss_g(g, "_sigmoid_dx", 2, (ss_tensor *[]){g->dy[0], g->out[0]}, 0, NULL));
}

const ss_op SS_OP(sigmoid) = {
    .name = "sigmoid",
    .sig = "x: float",
    .doc = "The logistic function 1 / (1 + exp(-x)).",
    .infer = ss_infer_like,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
    .saves = SS_SAVE_OUT(0),
};
