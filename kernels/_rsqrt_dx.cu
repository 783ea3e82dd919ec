/* _rsqrt_dx.cu — gradient of rsqrt: -dy y^3 / 2. */
#include "cuda/elementwise.h"

SS_EW2(block, float, float, -0.5f * a * b * b * b)

SS_TWIN(_rsqrt_dx)
{
    return ss_ew_f32<2, block>(c, g);
}
