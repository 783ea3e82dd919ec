/* floor.c — largest whole number not above x. */
#include "support/elementwise.h"

SS_EW1(block, float, float, floorf(a))

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

const ss_op SS_OP(floor) = {
    .name = "floor",
    .sig = "x: float",
    .doc = "The largest whole number not above x.",
    .infer = ss_infer_like,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
