/* uniform.c — uniform random numbers, counted by key. */
#include "cpu.h"
#include "support/lanes.h"

enum { BLOCK = 1024 }; /* multiple of SS_DRAWN: a chunk starts with a batch of numbers */

static ss_status infer(ss_call *c)
{
    const double lo = c->attr[2].num, hi = c->attr[3].num;
    if (!(lo <= hi) || isinf(lo) || isinf(hi))
        return ss_fail(c, SS_E_ARG, "lo must not exceed hi, got %g and %g", lo, hi);
    return ss_out(c, 0, SS_F32, c->attr[0].n, c->attr[0].v);
}

static ss_status cpu(ss_call *c)
{
    const uint64_t key = (uint64_t)c->attr[1].v[0];
    const float lo = (float)c->attr[2].num, hi = (float)c->attr[3].num, last = nextafterf(hi, lo);
    const int64_t count = c->out[0].count;
    float *y = ss_out_f32(c, 0);
    SS_PARALLEL_FOR (b, ss_ceil_div(count, BLOCK), BLOCK) {
        const int64_t end = ss_min64(count, (b + 1) * BLOCK);
        for (int64_t i = b * BLOCK; i < end; i += SS_DRAWN) {
            const int64_t n = ss_min64(SS_DRAWN, end - i);
            uint32_t u[4][SS_LANES];
            float v[4][SS_LANES];
            ss_philox_lanes(key, (uint64_t)i / 4, u);
            for (int w = 0; w < 4; w++)
                for (int l = 0; l < SS_LANES; l++) v[w][l] = ss_uniform(u[w][l], lo, hi, last);
            for (int64_t k = 0; k < n; k++) y[i + k] = v[k % 4][k / 4];
        }
    }
    return SS_OK;
}

const ss_op SS_OP(uniform) = {
    .name = "uniform",
    .sig = "shape: shape, key: int, lo: number = 0, hi: number = 1",
    .doc =
        "Uniform random numbers in [lo, hi). Element i (row-major) is lane i % 4 of Philox block "
        "i / 4 under `key`, with 24 random bits: the same key gives the same numbers.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD | SS_OP_RANDOM,
};
