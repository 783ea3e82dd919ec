/* avg_pool2d.cu — mean of each window. */
#include "cuda/pool.h"

SS_TWIN(avg_pool2d)
{
    const ss_view *y = &c->out[0];
    if (y->count)
        SS_LAUNCH(g, ss_avg_pool, ss_grid(g, y->count), SS_BLOCK, 0, ss_pool_of(c, 2, false),
                  c->in[0], *y, c->attr[3].v[0] != 0);
    return ss_launched(c, g);
}
