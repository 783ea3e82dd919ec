/* _square_dx.cu — gradient of square: 2 dy x. */
#include "cuda/elementwise.h"

SS_EW2(block, float, float, 2.0f * a * b)

SS_TWIN(_square_dx)
{
    return ss_ew_f32<2, block>(c, g);
}
