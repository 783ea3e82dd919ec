/* _grid_sample_dgrid.c — gradient of linear grid_sample in the positions: along each axis the
 * difference of the two planes it reads. */
#include "support/grid_slope.h"

static ss_status infer(ss_call *c)
{
    return ss_out_like(c, 0, &c->in[2]);
}

static ss_status cpu(ss_call *c)
{
    ss_call from = *c;
    ss_images m;
    from.in = c->in + 1;
    ss_status s = ss_images_of(&from, 0, &m);
    if (s) return s;
    const int64_t points = c->in[2].count / 3, each = m.n ? points / m.n : 0;
    SS_PARALLEL_FOR (i, points, m.c * 32) {
        double sum[3];
        ss_grid_slope(ss_in_f32(c, 0) + i * m.c, ss_in_f32(c, 1) + i / each * m.count,
                      ss_in_f32(c, 2) + 3 * i, &m, c->attr[0].num, (int)c->attr[1].v[0], 0, 1, sum);
        for (int a = 0; a < 3; a++) ss_out_f32(c, 0)[3 * i + a] = (float)sum[a];
    }
    return SS_OK;
}

const ss_op SS_OP(_grid_sample_dgrid) = {
    .name = "_grid_sample_dgrid",
    .sig = "dy: f32, x: f32, grid: f32, outside: number = 0, border: enum(constant|edge) = "
           "constant",
    .doc = "Gradient of linear grid_sample with respect to its positions.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
