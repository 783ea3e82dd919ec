/* _silu_dx.cu — gradient of silu: dy s (1 + x (1 - s)) with s = sigmoid(x). */
#include "cuda/elementwise.h"
#include "cuda/special.h"

SS_DEVICE float dsilu(float dy, float x)
{
    const float s = ss_sigmoidf(x), v = fabsf(x) > 104.0f ? 0.0f : x; /* inf * 0 would be NaN */
    return dy * s * (1.0f + v * (1.0f - s));
}
SS_EW2(block, float, float, dsilu(a, b))

SS_TWIN(_silu_dx)
{
    return ss_ew_f32<2, block>(c, g);
}
