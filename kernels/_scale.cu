/* _scale.cu — value * x. */
#include "cuda/elementwise.h"

SS_EW1(block, float, float, a *p[0])

SS_TWIN(_scale)
{
    const float p[2] = {(float)c->attr[0].num, 0};
    return ss_ew_f32<1, block>(c, g, p);
}
