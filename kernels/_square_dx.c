/* _square_dx.c — gradient of square: 2 dy x. */
#include "support/elementwise.h"

SS_EW2(block, float, float, 2.0f * a * b)

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

const ss_op SS_OP(_square_dx) = {
    .name = "_square_dx",
    .sig = "dy: float, x: float",
    .doc = "Gradient of square: 2 dy x.",
    .infer = ss_infer_broadcast,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
