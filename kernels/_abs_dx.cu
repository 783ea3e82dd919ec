/* _abs_dx.cu — gradient of abs: dy times the sign of x. */
#include "cuda/elementwise.h"

SS_EW2(block, float, float, b > 0 ? a : b < 0 ? -a : b == b ? 0.0f : b)

SS_TWIN(_abs_dx)
{
    return ss_ew_f32<2, block>(c, g);
}
