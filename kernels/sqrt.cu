/* sqrt.cu — square root. */
#include "cuda/elementwise.h"

SS_EW1(block, float, float, sqrtf(a))

SS_TWIN(sqrt)
{
    return ss_ew_f32<1, block>(c, g);
}
