/* gain_offset.c — brightness and contrast within the display range. */
#include "support/image.h"

enum { BLOCK = 1024 };

static ss_status cpu(ss_call *c)
{
    const float gain = (float)c->attr[0].num, offset = (float)c->attr[1].num;
    const float lo = (float)c->attr[2].num, hi = (float)c->attr[3].num, *x = ss_in_f32(c, 0);
    float *y = ss_out_f32(c, 0);
    const int64_t count = c->out[0].count;
    SS_PARALLEL_FOR (b, ss_ceil_div(count, BLOCK), BLOCK) {
        const int64_t end = ss_min64(count, (b + 1) * BLOCK);
        for (int64_t i = b * BLOCK; i < end; i++) y[i] = ss_clip(gain * x[i] + offset, lo, hi);
    }
    return SS_OK;
}

const ss_op SS_OP(gain_offset) = {
    .name = "gain_offset",
    .sig = "x: f32, gain: number = 1, offset: number = 0, lo: number = 0, hi: number = 1",
    .doc = "gain * x + offset, limited to [lo, hi], of an image ([d,h,w], [d,h,w,c] or "
           "[n,d,h,w,c]).",
    .infer = ss_infer_image,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
