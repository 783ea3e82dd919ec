/* add_noise.c — additive Gaussian noise, limited, counted by key. */
#include "support/image.h"
#include "support/lanes.h"

enum { BLOCK = 1024 }; /* multiple of SS_DRAWN: a chunk starts with a batch of numbers */

static ss_status infer(ss_call *c)
{
    if (!(c->attr[1].num >= 0 && c->attr[2].num >= 0))
        return ss_fail(c, SS_E_ARG, "std and clip must not be negative, got %g and %g",
                       c->attr[1].num, c->attr[2].num);
    return ss_infer_image(c);
}

static ss_status cpu(ss_call *c)
{
    const uint64_t key = (uint64_t)c->attr[0].v[0];
    const float std = (float)c->attr[1].num, clip = (float)c->attr[2].num;
    const float lo = (float)c->attr[3].num, hi = (float)c->attr[4].num, *x = ss_in_f32(c, 0);
    float *y = ss_out_f32(c, 0);
    const int64_t count = c->out[0].count;
    SS_PARALLEL_FOR (b, ss_ceil_div(count, BLOCK), BLOCK) {
        const int64_t end = ss_min64(count, (b + 1) * BLOCK);
        for (int64_t i = b * BLOCK; i < end; i += SS_DRAWN) {
            const int64_t n = ss_min64(SS_DRAWN, end - i);
            float z[SS_DRAWN];
            ss_normal_lanes(key, (uint64_t)i / 4, z);
            for (int64_t k = 0; k < n; k++)
                y[i + k] = ss_clip(x[i + k] + std * ss_clip(z[k], -clip, clip), lo, hi);
        }
    }
    return SS_OK;
}

const ss_op SS_OP(add_noise) = {
    .name = "add_noise",
    .sig = "x: f32, key: int, std: number, clip: number = 2, lo: number = 0, hi: number = 1",
    .doc =
        "Add normal noise of deviation `std`, itself limited to `clip` deviations, and limit the "
        "result to [lo, hi]. The noise is normal(shape, key). Images are [d,h,w], [d,h,w,c] or "
        "[n,d,h,w,c].",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD | SS_OP_RANDOM,
};
