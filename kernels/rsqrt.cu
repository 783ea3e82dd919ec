/* rsqrt.cu — 1 / sqrt(x). */
#include "cuda/elementwise.h"

SS_EW1(block, float, float, 1.0f / sqrtf(a))

SS_TWIN(rsqrt)
{
    return ss_ew_f32<1, block>(c, g);
}
