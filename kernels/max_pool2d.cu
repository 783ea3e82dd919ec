/* max_pool2d.cu — largest value of each window. */
#include "cuda/pool.h"

SS_TWIN(max_pool2d)
{
    const ss_view *y = &c->out[0];
    if (y->count)
        SS_LAUNCH(g, ss_max_pool, ss_grid(g, y->count), SS_BLOCK, 0, ss_pool_of(c, 2, false),
                  c->in[0], *y, ss_out_ptr<int32_t>(c, 1));
    return ss_launched(c, g);
}
