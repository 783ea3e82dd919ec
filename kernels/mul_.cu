/* mul_.cu — x := value * x in place. */
#include "cuda/elementwise.h"

SS_EW1(block, float, float, a *p[0])

SS_TWIN(mul_)
{
    const float p[2] = {(float)c->attr[0].num, 0};
    return ss_ew_run<block, 1>(c, g, &c->in[0], c->in, p);
}
