/* sigmoid.cu — 1 / (1 + e^-x). */
#include "cuda/elementwise.h"
#include "cuda/special.h"

SS_EW1(block, float, float, ss_sigmoidf(a))

SS_TWIN(sigmoid)
{
    return ss_ew_f32<1, block>(c, g);
}
