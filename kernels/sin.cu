/* sin.cu — sine of x in radians. */
#include "cuda/elementwise.h"

SS_EW1(block, float, float, sinf(a))

SS_TWIN(sin)
{
    return ss_ew_f32<1, block>(c, g);
}
