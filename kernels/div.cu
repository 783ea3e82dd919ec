/* div.cu — a / b. */
#include "cuda/elementwise.h"

SS_EW2(block, float, float, a / b)

SS_TWIN(div)
{
    return ss_ew_f32<2, block>(c, g);
}
