/* floor.cu — largest whole number not above x. */
#include "cuda/elementwise.h"

SS_EW1(block, float, float, floorf(a))

SS_TWIN(floor)
{
    return ss_ew_f32<1, block>(c, g);
}
