/* _rsqrt_dx.c — gradient of rsqrt: -dy y^3 / 2. */
#include "support/elementwise.h"

SS_EW2(block, float, float, -0.5f * a * b * b * b)

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

const ss_op SS_OP(_rsqrt_dx) = {
    .name = "_rsqrt_dx",
    .sig = "dy: float, y: float",
    .doc = "Gradient of rsqrt: -dy y^3 / 2.",
    .infer = ss_infer_broadcast,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
