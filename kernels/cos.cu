/* cos.cu — cosine of x in radians. */
#include "cuda/elementwise.h"

SS_EW1(block, float, float, cosf(a))

SS_TWIN(cos)
{
    return ss_ew_f32<1, block>(c, g);
}
