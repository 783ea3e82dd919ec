/* _tanh_dx.c — gradient of tanh: dy (1 - y^2). */
#include "support/elementwise.h"

SS_EW2(block, float, float, a *(1.0f - b * b))

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

const ss_op SS_OP(_tanh_dx) = {
    .name = "_tanh_dx",
    .sig = "dy: float, y: float",
    .doc = "Gradient of tanh: dy (1 - y^2).",
    .infer = ss_infer_broadcast,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
