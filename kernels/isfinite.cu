/* isfinite.cu — where x is a number, neither infinite nor NaN. */
#include "cuda/elementwise.h"

SS_EW1(block, uint8_t, float, fabsf(a) <= 3.402823466e38f)

SS_TWIN(isfinite)
{
    return ss_ew_run<block, 1>(c, g, &c->out[0], c->in, (const float *)nullptr);
}
