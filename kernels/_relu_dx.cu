/* _relu_dx.cu — gradient of relu: dy where y > 0, 0 elsewhere. */
#include "cuda/elementwise.h"

SS_EW2(block, float, float, b > 0 ? a : 0.0f)

SS_TWIN(_relu_dx)
{
    return ss_ew_f32<2, block>(c, g);
}
