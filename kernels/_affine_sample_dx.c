/* _affine_sample_dx.c — adjoint of affine_sample: spreads each value over the voxels it was read
 * from. Volumes run in parallel, the voxels of one in order, so sums do not depend on threads. */
#include "support/cuda_spread.h"
#include "support/sample.h"

static ss_status infer(ss_call *c)
{
    ss_images m;
    ss_status s = ss_images_of(c, 0, &m);
    return s ? s : ss_out_image(c, &m, SS_F32, c->attr[0].v);
}

static void spread(const float *dy, const float *a, const int64_t *size, const ss_images *m,
                   int mode, int border, float *dx)
{
    for (int64_t z = 0; z < size[0]; z++)
        for (int64_t y = 0; y < size[1]; y++)
            for (int64_t x = 0; x < size[2]; x++, dy += m->c) {
                double p[3];
                ss_taps t;
                ss_affine_at(a, z, y, x, p);
                ss_taps_at(p, m, mode, border, &t);
                for (int i = 0; i < t.n; i++)
                    for (int64_t k = 0; k < m->c && t.at[i] >= 0; k++)
                        dx[t.at[i] + k] += t.weight[i] * dy[k];
            }
}

static ss_status plan_cuda(ss_call *c)
{
    const int64_t *s = c->in[0].shape + (c->in[0].ndim == 5);
    return ss_spread_plan(c, s[0] * s[1] * s[2]);
}

static ss_status cpu(ss_call *c)
{
    ss_images m;
    ss_status s = ss_images_of(c, 0, &m);
    if (s) return s;
    const int64_t *size = c->in[0].shape + m.batch, from = m.count;
    m.voxels = 1;
    for (int a = 0; a < 3; a++) m.voxels *= m.size[a] = c->attr[0].v[a];
    m.count = m.voxels * m.c;
    SS_PARALLEL_FOR (n, m.n, from * 8) {
        float *dx = ss_out_f32(c, 0) + n * m.count;
        const float *a = ss_in_f32(c, 1) + (c->in[1].ndim == 3 ? 12 * n : 0);
        memset(dx, 0, (size_t)m.count * sizeof(float));
        spread(ss_in_f32(c, 0) + n * from, a, size, &m, (int)c->attr[1].v[0], (int)c->attr[2].v[0],
               dx);
    }
    return SS_OK;
}

const ss_op SS_OP(_affine_sample_dx) = {
    .name = "_affine_sample_dx",
    .sig = "dy: f32, matrix: f32, size: int3, mode: enum(linear|nearest) = linear, border: "
           "enum(constant|edge) = constant",
    .doc = "Gradient of affine_sample with respect to its volume, whose size is `size`.",
    .infer = infer,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
