/* silu.cu — x sigmoid(x). */
#include "cuda/elementwise.h"
#include "cuda/special.h"

SS_EW1(block, float, float, (a < -104.0f ? 0.0f : a) * ss_sigmoidf(a))

SS_TWIN(silu)
{
    return ss_ew_f32<1, block>(c, g);
}
