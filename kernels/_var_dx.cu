/* _var_dx.cu — gradient of var: scale dy (x - mean). */
#include "cuda/elementwise.h"

SS_EW3(block, float, float, p[0] * a * (b - c))

SS_TWIN(_var_dx)
{
    const float p[2] = {(float)c->attr[0].num, 0};
    return ss_ew_f32<3, block>(c, g, p);
}
