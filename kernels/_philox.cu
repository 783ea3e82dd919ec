/* _philox.cu — one raw block of the generator. */
#include "cuda/cuda.h"
#include "support/philox.h"

SS_KERNEL(block)(uint64_t key, uint64_t lo, uint64_t hi, int64_t *y)
{
    uint32_t u[4];
    ss_philox_at(key, lo, hi, u);
    y[threadIdx.x] = threadIdx.x == 0   ? u[0]
                     : threadIdx.x == 1 ? u[1]
                     : threadIdx.x == 2 ? u[2]
                                        : u[3];
}

SS_TWIN(_philox)
{
    SS_LAUNCH(g, block, 1, 4, 0, (uint64_t)c->attr[0].v[0], (uint64_t)c->attr[1].v[0],
              (uint64_t)c->attr[2].v[0], ss_out_ptr<int64_t>(c, 0));
    return ss_launched(c, g);
}
