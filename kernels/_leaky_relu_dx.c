/* _leaky_relu_dx.c — gradient of leaky_relu: dy where x > 0, slope * dy elsewhere. */
#include "support/elementwise.h"

/* The product is made for every element: a load that depends on `b` would keep the loop scalar. */
SS_EW2(block, float, float, ({
           const float z = p[0] * a;
           b > 0 ? a : z;
       }))

static ss_status cpu(ss_call *c)
{
    const float p[] = {(float)c->attr[0].num};
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
