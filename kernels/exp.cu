/* exp.cu — e^x. */
#include "cuda/elementwise.h"

SS_EW1(block, float, float, expf(a))

SS_TWIN(exp)
{
    return ss_ew_f32<1, block>(c, g);
}
