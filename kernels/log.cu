/* log.cu — natural logarithm. */
#include "cuda/elementwise.h"

SS_EW1(block, float, float, logf(a))

SS_TWIN(log)
{
    return ss_ew_f32<1, block>(c, g);
}
