/* grid_sample.c — read a volume at given positions. */
#include "support/sample.h"

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0], *g = &c->in[1];
    ss_status s = ss_check_mode(c, &c->attr[0]);
    if (s) return s;
    if (x->ndim != 5 || g->ndim != 5 || g->shape[4] != 3 || g->shape[0] != x->shape[0])
        return ss_fail(c, SS_E_SHAPE, "x must be [n,d,h,w,c] and grid [n,d,h,w,3]");
    int64_t shape[5] = {g->shape[0], g->shape[1], g->shape[2], g->shape[3], x->shape[4]};
    return ss_out(c, 0, x->dtype, 5, shape);
}

static ss_status cpu(ss_call *c)
{
    ss_images m;
    ss_status s = ss_images_of(c, 0, &m);
    if (s) return s;
    const ss_view *g = &c->in[1];
    const int64_t points = g->shape[1] * g->shape[2] * g->shape[3];
    const int mode = (int)c->attr[0].v[0], border = (int)c->attr[2].v[0];
    const size_t bytes = ss_dtype_bytes(c->in[0].dtype), voxel = bytes * (size_t)m.c;
    char outside[8];
    ss_element(c->in[0].dtype, c->attr[1].num, outside);
    SS_PARALLEL_FOR (i, m.n * points, m.c * 16) {
        const float *at = ss_in_f32(c, 1) + 3 * i;
        const double p[3] = {(double)at[0], (double)at[1], (double)at[2]};
        const char *in = (const char *)c->in[0].data + (size_t)(i / points * m.count) * bytes;
        char *out = (char *)c->out[0].data + (size_t)i * voxel;
        ss_taps t;
        if (mode == SS_LINEAR && ss_is_plain(p, &m)) {
            *(float *)out = ss_sample_plain((const float *)in, p, &m);
            continue;
        }
        ss_taps_at(p, &m, mode, border, &t);
        if (mode == SS_LINEAR)
            ss_sample_f32((const float *)in, &t, m.c, (float)c->attr[1].num, (float *)out);
        else if (t.at[0] >= 0)
            memcpy(out, in + (size_t)t.at[0] * bytes, voxel);
        else
            for (int64_t k = 0; k < m.c; k++) memcpy(out + (size_t)k * bytes, outside, bytes);
    }
    return SS_OK;
}

static void grad(ss_grad *g)
{
    ss_attr dx[] = {ss_ints(3, g->in_view[0].shape + 1), g->attr[0], g->attr[2]};
    if (g->need[0])
        ss_dx(g, 0, ss_g(g, "_grid_sample_dx", 2, (ss_tensor *[]){g->dy[0], g->in[1]}, 3, dx));
    if (g->need[1] && g->attr[0].v[0] == SS_LINEAR)
        ss_dx(g, 1,
              ss_g(g, "_grid_sample_dgrid", 3, (ss_tensor *[]){g->dy[0], g->in[0], g->in[1]}, 2,
                   (ss_attr[]){g->attr[1], g->attr[2]}));
}

const ss_op SS_OP(grid_sample) = {
    .name = "grid_sample",
    .sig = "x: any, grid: f32, " SS_SAMPLE_ATTRS,
    .doc =
        "y[n,i,j,k] = x at position grid[n,i,j,k] = (z,y,x), in voxels from 0: x is [n,d,h,w,c], "
        "grid [n,d',h',w',3], y [n,d',h',w',c]. `mode`, `outside` and `border` as in "
        "affine_sample. Linear carries gradients to x and grid; a NaN position reads `outside`.",
    .infer = infer,
    .cpu = cpu,
    .grad = grad,
    .saves = SS_SAVE_IN(0) | SS_SAVE_IN(1),
};
