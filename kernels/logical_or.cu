/* logical_or.cu — where a or b is true. */
#include "cuda/elementwise.h"

SS_EW2(block, uint8_t, uint8_t, a | b)

SS_TWIN(logical_or)
{
    return ss_ew_run<block, 2>(c, g, &c->out[0], c->in, (const float *)nullptr);
}
