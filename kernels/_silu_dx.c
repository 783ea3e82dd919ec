/* _silu_dx.c — gradient of silu: dy s (1 + x (1 - s)) with s = sigmoid(x). */
#include "support/elementwise.h"
#include "support/vecmath.h"

static inline float dsilu(float dy, float x)
{
    const float s = ss_sigmoidf(x), v = fabsf(x) > 104.0f ? 0.0f : x; /* inf * 0 would be NaN */
    return dy * s * (1.0f + v * (1.0f - s));
}

SS_EW2(block, float, float, dsilu(a, b))

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

const ss_op SS_OP(_silu_dx) = {
    .name = "_silu_dx",
    .sig = "dy: float, x: float",
    .doc = "Gradient of silu: dy s (1 + x (1 - s)) with s = sigmoid(x).",
    .infer = ss_infer_broadcast,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
