/* _sigmoid_dx.cu — gradient of sigmoid: dy y (1 - y). */
#include "cuda/elementwise.h"

SS_EW2(block, float, float, a *b *(1.0f - b))

SS_TWIN(_sigmoid_dx)
{
    return ss_ew_f32<2, block>(c, g);
}
