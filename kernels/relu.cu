/* relu.cu — max(x, 0). */
#include "cuda/elementwise.h"

SS_EW1(block, float, float, a < 0 ? 0.0f : a)

SS_TWIN(relu)
{
    return ss_ew_f32<1, block>(c, g);
}
