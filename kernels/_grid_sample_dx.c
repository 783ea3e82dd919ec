/* _grid_sample_dx.c — adjoint of grid_sample in its volume. Volumes run in parallel, the positions
 * of one in order, so sums do not depend on threads. */
#include "support/cuda_spread.h"
#include "support/sample.h"

static ss_status infer(ss_call *c)
{
    const ss_view *dy = &c->in[0];
    const int64_t *size = c->attr[0].v;
    return ss_out(c, 0, SS_F32, 5,
                  (int64_t[]){dy->shape[0], size[0], size[1], size[2], dy->shape[4]});
}

static ss_status plan_cuda(ss_call *c)
{
    const int64_t *s = c->in[1].shape;
    return ss_spread_plan(c, s[1] * s[2] * s[3]);
}

static ss_status cpu(ss_call *c)
{
    const ss_view *dy = &c->in[0];
    const int64_t points = dy->shape[1] * dy->shape[2] * dy->shape[3];
    const int mode = (int)c->attr[1].v[0], border = (int)c->attr[2].v[0];
    ss_images m = {.n = dy->shape[0], .c = dy->shape[4], .voxels = 1};
    for (int a = 0; a < 3; a++) m.voxels *= m.size[a] = c->attr[0].v[a];
    m.count = m.voxels * m.c;
    SS_PARALLEL_FOR (n, m.n, points * m.c * 16) {
        float *dx = ss_out_f32(c, 0) + n * m.count;
        const float *d = ss_in_f32(c, 0) + n * points * m.c, *at = ss_in_f32(c, 1) + n * points * 3;
        memset(dx, 0, (size_t)m.count * sizeof(float));
        for (int64_t i = 0; i < points; i++, d += m.c, at += 3) {
            const double p[3] = {(double)at[0], (double)at[1], (double)at[2]};
            ss_taps t;
            ss_taps_at(p, &m, mode, border, &t);
            for (int j = 0; j < t.n; j++)
                for (int64_t k = 0; k < m.c && t.at[j] >= 0; k++)
                    dx[t.at[j] + k] += t.weight[j] * d[k];
        }
    }
    return SS_OK;
}

const ss_op SS_OP(_grid_sample_dx) = {
    .name = "_grid_sample_dx",
    .sig = "dy: f32, grid: f32, size: int3, mode: enum(linear|nearest) = linear, border: "
           "enum(constant|edge) = constant",
    .doc = "Gradient of grid_sample with respect to its volume, whose size is `size`.",
    .infer = infer,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
