/* affine_sample.c — resample a volume under an affine map of voxel coordinates. */
#include "support/sample.h"

static ss_status infer(ss_call *c)
{
    ss_images m;
    ss_status s = ss_images_of(c, 0, &m);
    if (!s) s = ss_check_mode(c, &c->attr[1]);
    if (s) return s;
    const ss_view *a = &c->in[1];
    const int nd = a->ndim;
    const bool each = nd == 3 && m.batch && a->shape[0] == m.n;
    if (!(nd == 2 || each) || a->shape[nd - 2] != 3 || a->shape[nd - 1] != 4)
        return ss_fail(c, SS_E_SHAPE, "matrix must be [3,4], or [n,3,4] beside [n,d,h,w,c]");
    return ss_out_image(c, &m, c->in[0].dtype, c->attr[0].n > 0 ? c->attr[0].v : m.size);
}

static ss_status cpu(ss_call *c)
{
    ss_images m;
    ss_status s = ss_images_of(c, 0, &m);
    if (s) return s;
    const int64_t *size = c->out[0].shape + m.batch, rows = size[0] * size[1];
    const int mode = (int)c->attr[1].v[0], border = (int)c->attr[3].v[0];
    const size_t bytes = ss_dtype_bytes(c->in[0].dtype), voxel = bytes * (size_t)m.c;
    char outside[8];
    ss_element(c->in[0].dtype, c->attr[2].num, outside);
    SS_PARALLEL_FOR (row, m.n * rows, size[2] * m.c * 8) {
        const int64_t n = row / rows, z = row % rows / size[1], y = row % size[1];
        const float *a = ss_in_f32(c, 1) + (c->in[1].ndim == 3 ? 12 * n : 0);
        const char *in = (const char *)c->in[0].data + (size_t)(n * m.count) * bytes;
        char *out = (char *)c->out[0].data + (size_t)(row * size[2]) * voxel;
        for (int64_t x = 0; x < size[2]; x++, out += voxel) {
            double p[3];
            ss_taps t;
            ss_affine_at(a, z, y, x, p);
            if (mode == SS_LINEAR && ss_is_plain(p, &m)) {
                *(float *)out = ss_sample_plain((const float *)in, p, &m);
                continue;
            }
            ss_taps_at(p, &m, mode, border, &t);
            if (mode == SS_LINEAR)
                ss_sample_f32((const float *)in, &t, m.c, (float)c->attr[2].num, (float *)out);
            else if (t.at[0] >= 0)
                memcpy(out, in + (size_t)t.at[0] * bytes, voxel);
            else
                for (int64_t k = 0; k < m.c; k++) memcpy(out + (size_t)k * bytes, outside, bytes);
        }
    }
    return SS_OK;
}

static void grad(ss_grad *g) /* adjoint: every output's gradient is spread over its taps */
{
    const ss_view *x = &g->in_view[0];
    const int first = x->ndim == 5;
    ss_attr attr[] = {ss_ints(3, x->shape + first), g->attr[1], g->attr[3]};
    ss_dx(g, 0, ss_g(g, "_affine_sample_dx", 2, (ss_tensor *[]){g->dy[0], g->in[1]}, 3, attr));
}

const ss_op SS_OP(affine_sample) = {
    .name = "affine_sample",
    .sig = "x: any, matrix: f32, size?: int3, " SS_SAMPLE_ATTRS,
    .doc =
        "Resample [d,h,w], [d,h,w,c] or [n,d,h,w,c] to `size` (z,y,x; default unchanged): output "
        "voxel (z,y,x) reads x at matrix * (z,y,x,1), in voxels from 0; the matrix is [3,4] or "
        "[n,3,4]. Beyond the volume every voxel is `outside` (border = constant: linear blends "
        "towards it) or repeats the border (edge). Linear needs f32 and carries a gradient to "
        "x; nearest takes any type.",
    .infer = infer,
    .cpu = cpu,
    .grad = grad,
    .saves = SS_SAVE_IN(1),
};
