/* _gelu_dx.cu — gradient of gelu: dy (P(X < x) + x p(x)) for normal X. */
#include "cuda/elementwise.h"
#include "cuda/special.h"

SS_DEVICE float dgelu(float dy, float x)
{
    const ss_normal_parts n = ss_normalf(x);
    const float slope = fabsf(x) > 14.0f ? 0.0f : x * n.density; /* inf * 0 would be NaN */
    return dy * (n.below + slope);
}
SS_EW2(block, float, float, dgelu(a, b))

SS_TWIN(_gelu_dx)
{
    return ss_ew_f32<2, block>(c, g);
}
