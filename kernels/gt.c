/* gt.c — where a > b. */
#include "support/elementwise.h"

SS_EW2(floats, uint8_t, float, a > b)
SS_EW2(ints, uint8_t, int64_t, a > b)

static ss_status cpu(ss_call *c)
{
    return ss_ew_compare(c, floats, ints);
}

const ss_op SS_OP(gt) = {
    .name = "gt",
    .sig = "a: any, b: any",
    .doc = "true where a > b, broadcast. Integers are compared exactly, anything with a float as "
           "f32; false where either is NaN.",
    .infer = ss_infer_compare,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
