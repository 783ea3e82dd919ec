/* splitmix.cu — numbers hashed from their place. */
#include "cuda/cuda.h"
#include "support/splitmix.h"

SS_KERNEL(hash)(uint64_t key, double scale, double offset, float *y, int64_t n)
{
    SS_EACH (i, n) y[i] = ss_splitmix_number(key, (uint64_t)i, scale, offset);
}

SS_TWIN(splitmix)
{
    const int64_t n = c->out[0].count;
    if (n)
        SS_LAUNCH(g, hash, ss_grid(g, n), SS_BLOCK, 0, (uint64_t)c->attr[1].v[0], c->attr[2].num,
                  c->attr[3].num, ss_out_ptr<float>(c, 0), n);
    return ss_launched(c, g);
}
