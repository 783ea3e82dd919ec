/* gelu.cu — x times the normal distribution function of x. */
#include "cuda/elementwise.h"
#include "cuda/special.h"

SS_EW1(block, float, float, ss_geluf(a))

SS_TWIN(gelu)
{
    return ss_ew_f32<1, block>(c, g);
}
