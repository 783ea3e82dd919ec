/* _leaky_relu_dx.c — gradient of leaky_relu: dy where x > 0, slope * dy elsewhere. */
#include "support/elementwise.h"

SS_EW2(block, float, float, b > 0 ? a : p[0] * a)

static ss_status cpu(ss_call *c)
{
    const float p[2] = {(float)c->attr[0].num};
    return ss_ew_f32(c, block, p);
}

const ss_op SS_OP(_leaky_relu_dx) = {
    .name = "_leaky_relu_dx",
    .sig = "dy: float, x: float, slope: number = 0.01",
    .doc = "Gradient of leaky_relu: dy where x > 0, slope * dy elsewhere.",
    .infer = ss_infer_broadcast,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
