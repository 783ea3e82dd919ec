/* _pow_db.cu — gradient of a^b to b: dy a^b log a. */
#include "cuda/elementwise.h"
#include "cuda/special.h"

SS_EW3(block, float, float, b == 0 && c >= 0 ? 0.0f : a * ss_powf(b, c) * logf(b))

SS_TWIN(_pow_db)
{
    return ss_ew_f32<3, block>(c, g);
}
