/* tgc_tilt.c — a gain that rises or falls with depth, as a mis-set time-gain compensation. */
#include "support/image.h"

static ss_status cpu(ss_call *c)
{
    ss_images m;
    ss_status s = ss_images_of(c, 0, &m);
    if (s) return s;
    const int beam = (int)c->attr[1].v[0];
    const float lo = (float)c->attr[2].num, hi = (float)c->attr[3].num;
    const double slope = c->attr[0].num,
                 step = m.size[beam] > 1 ? 1.0 / (double)(m.size[beam] - 1) : 0;
    const int64_t row = m.size[2] * m.c;
    SS_PARALLEL_FOR (r, m.n * m.size[0] * m.size[1], row) {
        const float *x = ss_in_f32(c, 0) + r * row;
        float *y = ss_out_f32(c, 0) + r * row;
        int64_t depth[3] = {r / m.size[1] % m.size[0], r % m.size[1], 0};
        for (int64_t i = 0; i < m.size[2]; i++) {
            depth[2] = i;
            const double t = step > 0 ? (double)depth[beam] * step - 0.5 : 0;
            const float gain = (float)exp(slope * t);
            for (int64_t k = i * m.c; k < (i + 1) * m.c; k++) y[k] = ss_clip(gain * x[k], lo, hi);
        }
    }
    return SS_OK;
}

const ss_op SS_OP(tgc_tilt) = {
    .name = "tgc_tilt",
    .sig = "x: f32, slope: number, " SS_BEAM ", lo: number = 0, hi: number = 1",
    .doc = "Multiply an image by exp(slope * (t - 1/2)), t running from 0 at the near to 1 at the "
           "far end of the beam axis (index 0 is at the probe), and limit it to [lo, hi]. Images "
           "are [d,h,w], [d,h,w,c] or [n,d,h,w,c]; `beam` names the axis whatever the layout.",
    .infer = ss_infer_image,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
