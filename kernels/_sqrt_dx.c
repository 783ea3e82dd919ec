/* _sqrt_dx.c — gradient of sqrt: dy / (2 y). */
#include "support/elementwise.h"

SS_EW2(block, float, float, 0.5f * a / b)

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

const ss_op SS_OP(_sqrt_dx) = {
    .name = "_sqrt_dx",
    .sig = "dy: float, y: float",
    .doc = "Gradient of sqrt: dy / (2 y).",
    .infer = ss_infer_broadcast,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
