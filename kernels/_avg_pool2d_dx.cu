/* _avg_pool2d_dx.cu — gradient of avg_pool2d. */
#include "cuda/pool.h"

SS_TWIN(_avg_pool2d_dx)
{
    const ss_view *dx = &c->out[0];
    if (dx->count)
        SS_LAUNCH(g, ss_avg_pool_dx, ss_grid(g, dx->count), SS_BLOCK, 0, ss_pool_of(c, 2, true),
                  c->in[0], *dx, c->attr[4].v[0] != 0);
    return ss_launched(c, g);
}
