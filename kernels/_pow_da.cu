/* _pow_da.cu — gradient of a^b to a: dy b a^(b-1). */
#include "cuda/elementwise.h"
#include "cuda/special.h"

SS_EW3(block, float, float, c == 0 ? 0.0f : a * c * ss_powf(b, c - 1.0f))

SS_TWIN(_pow_da)
{
    return ss_ew_f32<3, block>(c, g);
}
