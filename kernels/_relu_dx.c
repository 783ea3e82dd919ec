/* _relu_dx.c — gradient of relu: dy where y > 0, 0 elsewhere. */
#include "support/elementwise.h"

SS_EW2(block, float, float, b > 0 ? a : 0.0f)

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

const ss_op SS_OP(_relu_dx) = {
    .name = "_relu_dx",
    .sig = "dy: float, y: float",
    .doc = "Gradient of relu: dy where y > 0, 0 elsewhere.",
    .infer = ss_infer_broadcast,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
