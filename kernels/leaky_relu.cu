/* leaky_relu.cu — x where it is positive, slope x elsewhere. */
#include "cuda/elementwise.h"

SS_EW1(block, float, float, a > 0 ? a : a * p[0])

SS_TWIN(leaky_relu)
{
    const float p[2] = {(float)c->attr[0].num, 0};
    return ss_ew_f32<1, block>(c, g, p);
}
