/* _scale.c — value * x. */
#include "support/elementwise.h"

SS_EW1(block, float, float, a *p[0])

static ss_status cpu(ss_call *c)
{
    const float p[2] = {(float)c->attr[0].num};
    return ss_ew_f32(c, block, p);
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, ss_g(g, "_scale", 1, (ss_tensor *[]){g->dy[0]}, 1, g->attr));
}

const ss_op SS_OP(_scale) = {
    .name = "_scale",
    .sig = "x: float, value: number",
    .doc = "x times a number.",
    .infer = ss_infer_like,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
};
