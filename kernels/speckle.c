/* speckle.c — multiplicative Rayleigh noise of mean 1, counted by key. */
#include "support/image.h"
#include "support/lanes.h"
#include "support/rayleigh.h"

enum { BLOCK = 1024 }; /* multiple of SS_DRAWN: a chunk starts with a batch of numbers */

static ss_status infer(ss_call *c)
{
    const double std = c->attr[1].num;
    if (!(std >= 0 && (float)std <= SS_RAYLEIGH_STD))
        return ss_fail(c, SS_E_ARG, "std must be in [0, %g] (fully developed speckle), got %g",
                       (double)SS_RAYLEIGH_STD, std);
    return ss_infer_image(c);
}

static ss_status cpu(ss_call *c)
{
    const uint64_t key = (uint64_t)c->attr[0].v[0];
    const float part = (float)c->attr[1].num / SS_RAYLEIGH_STD;
    const float lo = (float)c->attr[2].num, hi = (float)c->attr[3].num, *x = ss_in_f32(c, 0);
    float *y = ss_out_f32(c, 0);
    const int64_t count = c->out[0].count;
    SS_PARALLEL_FOR (b, ss_ceil_div(count, BLOCK), BLOCK) {
        const int64_t end = ss_min64(count, (b + 1) * BLOCK);
        for (int64_t i = b * BLOCK; i < end; i += SS_DRAWN) {
            const int64_t n = ss_min64(SS_DRAWN, end - i);
            uint32_t u[4][SS_LANES];
            float v[4][SS_LANES];
            ss_philox_lanes(key, (uint64_t)i / 4, u);
            for (int w = 0; w < 4; w++)
                for (int l = 0; l < SS_LANES; l++) v[w][l] = ss_speckle(u[w][l], part);
            for (int64_t k = 0; k < n; k++) y[i + k] = ss_clip(x[i + k] * v[k % 4][k / 4], lo, hi);
        }
    }
    return SS_OK;
}

const ss_op SS_OP(speckle) = {
    .name = "speckle",
    .sig = "x: f32, key: int, std: number, lo: number = 0, hi: number = 1",
    .doc = "Multiply every element by its own factor of mean 1 and deviation `std`, a Rayleigh "
           "variable drawn towards 1 (std = 0.5227 is the Rayleigh variable itself), and limit the "
           "result to [lo, hi]. Images are [d,h,w], [d,h,w,c] or [n,d,h,w,c].",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD | SS_OP_RANDOM,
};
