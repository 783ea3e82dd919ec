/* _abs_dx.c — gradient of abs: dy times the sign of x. */
#include "support/elementwise.h"

SS_EW2(block, float, float, b > 0 ? a : b < 0 ? -a : b == b ? 0.0f : b)

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

const ss_op SS_OP(_abs_dx) = {
    .name = "_abs_dx",
    .sig = "dy: float, x: float",
    .doc = "Gradient of abs: dy times the sign of x.",
    .infer = ss_infer_broadcast,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
