/* _tanh_dx.cu — gradient of tanh: dy (1 - y^2). */
#include "cuda/elementwise.h"

SS_EW2(block, float, float, a *(1.0f - b * b))

SS_TWIN(_tanh_dx)
{
    return ss_ew_f32<2, block>(c, g);
}
