/* _grid_sample_dgrid.cu — gradient of linear grid_sample in the positions: a thread a position, or
 * a warp when there are many channels to read. */
#include "cuda/cuda.h"
#include "support/grid_slope.h"

enum { WIDE = 16 }; /* channels from which a warp shares a position */

SS_KERNEL(slope)
(const float *dy, const float *x, const float *grid, ss_images m, int64_t points, int64_t each,
 double outside, int border, int lanes, float *out)
{
    SS_EACH (e, points * lanes) { /* whole warps stay together: points * lanes of them */
        const int64_t i = e / lanes;
        const int lane = (int)(e % lanes);
        double sum[3];
        ss_grid_slope(dy + i * m.c, x + i / each * m.count, grid + 3 * i, &m, outside, border, lane,
                      lanes, sum);
        for (int a = 0; a < 3; a++) {
            if (lanes > 1) sum[a] = ss_warp_sum(sum[a]);
            if (lane == 0) out[3 * i + a] = (float)sum[a];
        }
    }
}

SS_TWIN(_grid_sample_dgrid)
{
    const ss_view *x = &c->in[1];
    ss_images m;
    ss_call from = *c;
    from.in = c->in + 1;
    const ss_status s = ss_images_of(&from, 0, &m);
    const int64_t points = c->in[2].count / 3, each = m.n ? points / m.n : 0;
    const int lanes = x->shape[4] >= WIDE ? SS_WARP : 1;
    if (s) return s;
    if (points)
        SS_LAUNCH(g, slope, ss_grid(g, points * lanes), SS_BLOCK, 0, ss_in_ptr<float>(c, 0),
                  ss_in_ptr<float>(c, 1), ss_in_ptr<float>(c, 2), m, points, each, c->attr[0].num,
                  (int)c->attr[1].v[0], lanes, ss_out_ptr<float>(c, 0));
    return ss_launched(c, g);
}
