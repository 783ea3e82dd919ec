/* cutout.c — a box of the image loses its contents. */
#include "support/cutout.h"
#include "support/image.h"

static ss_status infer(ss_call *c)
{
    const ss_view *box = &c->in[1];
    if (box->ndim != 2 || box->shape[0] != 2 || box->shape[1] != 3)
        return ss_fail(c, SS_E_SHAPE, "box must be [2,3]: the first and last (z,y,x) voxel");
    return ss_infer_image(c);
}

/* Mean of one volume: chunks of a fixed size, added in order, whatever the thread count. */
static float mean_of(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t at = 0; at < n; at += SS_CHUNK) {
        double part = 0;
        for (int64_t i = at; i < ss_min64(n, at + SS_CHUNK); i++) part += (double)x[i];
        sum += part;
    }
    return n ? (float)(sum / (double)n) : 0;
}

/* CUDA: the sum of each chunk of each volume. */
static ss_status plan_cuda(ss_call *c)
{
    ss_images m;
    ss_status s = ss_images_of(c, 0, &m);
    c->scratch_bytes = (size_t)(m.n * ss_ceil_div(m.count, SS_CHUNK)) * sizeof(double);
    return s;
}

static ss_status cpu(ss_call *c)
{
    ss_images m;
    ss_status s = ss_images_of(c, 0, &m);
    if (s) return s;
    const float *box = ss_in_f32(c, 1);
    int64_t r[3][2];
    for (int a = 0; a < 3; a++) ss_cutout_range(box[a], box[3 + a], m.size[a], r[a]);
    SS_PARALLEL_FOR (n, m.n, m.count) {
        const float *x = ss_in_f32(c, 0) + n * m.count;
        float *y = ss_out_f32(c, 0) + n * m.count;
        const float fill = c->attr[0].n < 0 ? mean_of(x, m.count) : (float)c->attr[0].num;
        memcpy(y, x, (size_t)m.count * sizeof(float));
        for (int64_t z = r[0][0]; z < r[0][1]; z++)
            for (int64_t v = r[1][0]; v < r[1][1]; v++) {
                float *row = y + (z * m.size[1] + v) * m.size[2] * m.c;
                for (int64_t i = r[2][0] * m.c; i < r[2][1] * m.c; i++) row[i] = fill;
            }
    }
    return SS_OK;
}

const ss_op SS_OP(cutout) = {
    .name = "cutout",
    .sig = "x: f32, box: f32, value?: number",
    .doc = "Overwrite the voxels of `box` ([2,3]: first and last (z,y,x), both included) with "
           "`value`, by default the mean of the volume. What lies beyond the image is ignored, a "
           "NaN box changes nothing. Images are [d,h,w], [d,h,w,c] or [n,d,h,w,c].",
    .infer = infer,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
