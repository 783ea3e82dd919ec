/* tanh.c — hyperbolic tangent. */
#include "support/elementwise.h"
#include "support/vecmath.h"

SS_EW1(block, float, float, ss_tanhf(a))

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, ss_g(g, "_tanh_dx", 2, (ss_tensor *[]){g->dy[0], g->out[0]}, 0, NULL));
}

const ss_op SS_OP(tanh) = {
    .name = "tanh",
    .sig = "x: float",
    .doc = "Hyperbolic tangent.",
    .infer = ss_infer_like,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
    .saves = SS_SAVE_OUT(0),
};
