/* _clamp_dx.cu — gradient of clamp: dy where lo <= x <= hi, 0 elsewhere. */
#include "cuda/elementwise.h"
#include "support/limits.h"

SS_EW2(block, float, float, (b >= p[0]) & (b <= p[1]) ? a : 0.0f)

SS_TWIN(_clamp_dx)
{
    float f[2];
    ss_limits(f, c->attr);
    return ss_ew_f32<2, block>(c, g, f);
}
