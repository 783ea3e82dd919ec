/* _linear_dz.cu — gradient of linear's activation: dy act'(z). */
#include "cuda/cuda.h"
#include "support/act.h"

SS_KERNEL(slope_each)(ss_view z, ss_view dy, void *out, ss_act act)
{
    SS_EACH (i, dy.count) {
        const float slope = ss_act_slope(act, ss_load(z.data, z.dtype, i));
        ss_store(out, dy.dtype, i, ss_load(dy.data, dy.dtype, i) * slope);
    }
}

SS_TWIN(_linear_dz)
{
    const ss_view *dy = &c->in[1];
    if (dy->count)
        SS_LAUNCH(g, slope_each, ss_grid(g, dy->count), SS_BLOCK, 0, c->in[0], *dy, c->out[0].data,
                  (ss_act)c->attr[0].v[0]);
    return ss_launched(c, g);
}
