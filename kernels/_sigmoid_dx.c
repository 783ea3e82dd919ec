/* _sigmoid_dx.c — gradient of sigmoid: dy y (1 - y). */
#include "support/elementwise.h"

SS_EW2(block, float, float, a *b *(1.0f - b))

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

const ss_op SS_OP(_sigmoid_dx) = {
    .name = "_sigmoid_dx",
    .sig = "dy: float, y: float",
    .doc = "Gradient of sigmoid: dy y (1 - y).",
    .infer = ss_infer_broadcast,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
