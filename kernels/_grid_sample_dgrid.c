/* _grid_sample_dgrid.c — gradient of linear grid_sample in the positions: along each axis the
 * difference of the two planes it reads. */
#include "support/sample.h"

static ss_status infer(ss_call *c)
{
    return ss_out_like(c, 0, &c->in[2]);
}

/* The value at integer position (z,y,x), channel k. */
static double value(const float *x, const ss_images *m, const int64_t i[3], int64_t k,
                    double outside, int border)
{
    int64_t j[3];
    for (int a = 0; a < 3; a++) {
        j[a] = border == SS_CLAMPED ? ss_max64(0, ss_min64(i[a], m->size[a] - 1)) : i[a];
        if (j[a] < 0 || j[a] >= m->size[a]) return outside;
    }
    return (double)x[((j[0] * m->size[1] + j[1]) * m->size[2] + j[2]) * m->c + k];
}

static void one(const float *dy, const float *x, const float *at, const ss_images *m,
                double outside, int border, float *out)
{
    double base[3], part[3], sum[3] = {0};
    for (int a = 0; a < 3; a++) {
        out[a] = 0;
        if (!(fabs((double)at[a]) < 1e9)) return; /* the result does not move with the position */
        base[a] = floor((double)at[a]);
        part[a] = (double)at[a] - base[a];
    }
    for (int corner = 0; corner < 8; corner++) {
        const int bit[3] = {corner >> 2, corner >> 1 & 1, corner & 1};
        int64_t i[3];
        double w[3], v = 0;
        for (int a = 0; a < 3; a++) {
            i[a] = (int64_t)base[a] + bit[a];
            w[a] = bit[a] ? part[a] : 1 - part[a];
        }
        for (int64_t k = 0; k < m->c; k++) v += (double)dy[k] * value(x, m, i, k, outside, border);
        for (int a = 0; a < 3; a++)
            sum[a] += v * (bit[a] ? 1 : -1) * w[(a + 1) % 3] * w[(a + 2) % 3];
    }
    for (int a = 0; a < 3; a++) out[a] = (float)sum[a];
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
        one(ss_in_f32(c, 0) + i * m.c, ss_in_f32(c, 1) + i / each * m.count,
            ss_in_f32(c, 2) + 3 * i, &m, c->attr[0].num, (int)c->attr[1].v[0],
            ss_out_f32(c, 0) + 3 * i);
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
