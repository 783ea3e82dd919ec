/* logical_not.cu — where x is zero. */
#include "cuda/elementwise.h"

SS_EW1(block, uint8_t, uint8_t, !a)

SS_TWIN(logical_not)
{
    return ss_ew_run<block, 1>(c, g, &c->out[0], c->in, (const float *)nullptr);
}
