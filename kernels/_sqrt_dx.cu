/* _sqrt_dx.cu — gradient of sqrt: dy / (2 y). */
#include "cuda/elementwise.h"

SS_EW2(block, float, float, 0.5f * a / b)

SS_TWIN(_sqrt_dx)
{
    return ss_ew_f32<2, block>(c, g);
}
