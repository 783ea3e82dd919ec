/* _max_pool3d_dx.cu — gradient of max_pool3d: dy goes to the tap that won. */
#include "cuda/pool.h"

SS_TWIN(_max_pool3d_dx)
{
    const ss_view *dx = &c->out[0];
    if (dx->count)
        SS_LAUNCH(g, ss_max_pool_dx, ss_grid(g, dx->count), SS_BLOCK, 0, ss_pool_of(c, 3, true),
                  c->in[0], c->in[1], *dx);
    return ss_launched(c, g);
}
