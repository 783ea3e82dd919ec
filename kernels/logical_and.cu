/* logical_and.cu — where both a and b are true. */
#include "cuda/elementwise.h"

SS_EW2(block, uint8_t, uint8_t, a &b)

SS_TWIN(logical_and)
{
    return ss_ew_run<block, 2>(c, g, &c->out[0], c->in, (const float *)nullptr);
}
