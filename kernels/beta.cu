/* beta.cu — beta-distributed random numbers: a thread an element, as often as it is rejected. */
#include "cuda/cuda.h"
#include "support/beta.h"

SS_KERNEL(draw)(uint64_t key, double a, double b, float *y, int64_t n)
{
    SS_EACH (i, n) y[i] = ss_beta(key, (uint64_t)i, a, b);
}

SS_TWIN(beta)
{
    const int64_t n = c->out[0].count;
    if (n)
        SS_LAUNCH(g, draw, ss_grid(g, n), SS_BLOCK, 0, (uint64_t)c->attr[1].v[0], c->attr[2].num,
                  c->attr[3].num, ss_out_ptr<float>(c, 0), n);
    return ss_launched(c, g);
}
