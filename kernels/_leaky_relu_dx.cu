/* _leaky_relu_dx.cu — gradient of leaky_relu: dy where x > 0, slope * dy elsewhere. */
#include "cuda/elementwise.h"

SS_EW2(block, float, float, b > 0 ? a : p[0] * a)

SS_TWIN(_leaky_relu_dx)
{
    const float p[2] = {(float)c->attr[0].num, 0};
    return ss_ew_f32<2, block>(c, g, p);
}
