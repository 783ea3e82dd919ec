/* tanh.cu — hyperbolic tangent. */
#include "cuda/elementwise.h"

SS_EW1(block, float, float, tanhf(a))

SS_TWIN(tanh)
{
    return ss_ew_f32<1, block>(c, g);
}
