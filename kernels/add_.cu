/* add_.cu — x := x + alpha * y in place. */
#include "cuda/elementwise.h"
#include "support/overlap.h"

SS_EW2(block, float, float, a + p[0] * b)

SS_TWIN(add_)
{
    const float p[2] = {(float)c->attr[0].num, 0};
    if (ss_overlaps(&c->in[0], &c->in[1]))
        return ss_fail(c, SS_E_ARG, "x and y are different parts of the same memory");
    return ss_ew_run<block, 2>(c, g, &c->in[0], c->in, p);
}
