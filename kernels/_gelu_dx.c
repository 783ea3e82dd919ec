/* _gelu_dx.c — gradient of gelu: dy (P(X < x) + x p(x)) for normal X. */
#include "support/elementwise.h"
#include "support/vecmath.h"

static inline float dgelu(float dy, float x)
{
    const ss_normal_parts n = ss_normalf(x);
    const float slope = fabsf(x) > 14.0f ? 0.0f : x * n.density; /* inf * 0 would be NaN */
    return dy * (n.below + slope);
}

SS_EW2(block, float, float, dgelu(a, b))

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

const ss_op SS_OP(_gelu_dx) = {
    .name = "_gelu_dx",
    .sig = "dy: float, x: float",
    .doc = "Gradient of gelu: dy (P(X < x) + x p(x)) for normal X.",
    .infer = ss_infer_broadcast,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
