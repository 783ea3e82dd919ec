/* _var_dx.c — gradient of var: scale dy (x - mean). */
#include "support/elementwise.h"

SS_EW3(block, float, float, p[0] * a * (b - c))

static ss_status cpu(ss_call *c)
{
    const float p[2] = {(float)c->attr[0].num};
    return ss_ew_f32(c, block, p);
}

const ss_op SS_OP(_var_dx) = {
    .name = "_var_dx",
    .sig = "dy: float, x: float, mean: float, scale: number",
    .doc = "Gradient of var: scale dy (x - mean), broadcast.",
    .infer = ss_infer_broadcast,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
