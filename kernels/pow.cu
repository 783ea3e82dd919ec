/* pow.cu — a^b. */
#include "cuda/elementwise.h"
#include "cuda/special.h"

SS_EW2(block, float, float, ss_powf(a, b))

SS_TWIN(pow)
{
    return ss_ew_f32<2, block>(c, g);
}
