/* leaky_relu.c — y = x where x > 0, slope * x elsewhere. */
#include "support/elementwise.h"

SS_EW1(block, float, float, a > 0 ? a : p[0] * a)

static ss_status cpu(ss_call *c)
{
    const float p[2] = {(float)c->attr[0].num};
    return ss_ew_f32(c, block, p);
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, ss_g(g, "_leaky_relu_dx", 2, (ss_tensor *[]){g->dy[0], g->in[0]}, 1, g->attr));
}

const ss_op SS_OP(leaky_relu) = {
    .name = "leaky_relu",
    .sig = "x: float, slope: number = 0.01",
    .doc = "Pass positive values; scale the rest by `slope`.",
    .infer = ss_infer_like,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
    .saves = SS_SAVE_IN(0),
};
