/* gamma.c — intensity curve x^gamma on [0, 1]. */
#include "support/image.h"

enum { BLOCK = 1024 };

static ss_status infer(ss_call *c)
{
    const double gamma = c->attr[0].num;
    if (!(gamma > 0) || isinf(gamma))
        return ss_fail(c, SS_E_ARG, "gamma must be positive and finite, got %g", gamma);
    return ss_infer_image(c);
}

static ss_status cpu(ss_call *c)
{
    const float gamma = (float)c->attr[0].num, *x = ss_in_f32(c, 0);
    float *y = ss_out_f32(c, 0);
    const int64_t count = c->out[0].count;
    SS_PARALLEL_FOR (b, ss_ceil_div(count, BLOCK), BLOCK) {
        const int64_t end = ss_min64(count, (b + 1) * BLOCK);
        for (int64_t i = b * BLOCK; i < end; i++) y[i] = powf(ss_clip(x[i], 0, 1), gamma);
    }
    return SS_OK;
}

const ss_op SS_OP(gamma) = {
    .name = "gamma",
    .sig = "x: f32, gamma: number",
    .doc = "Limit an image ([d,h,w], [d,h,w,c] or [n,d,h,w,c]) to [0, 1] and raise it to the power "
           "`gamma`: below 1 brightens, above 1 darkens.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
