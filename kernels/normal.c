/* normal.c — normally distributed random numbers, counted by key. */
#include "cpu.h"
#include "support/lanes.h"

enum { BLOCK = 1024 }; /* multiple of SS_DRAWN: a chunk starts with a batch of numbers */

static ss_status infer(ss_call *c)
{
    if (!(c->attr[3].num >= 0))
        return ss_fail(c, SS_E_ARG, "std must not be negative, got %g", c->attr[3].num);
    return ss_out(c, 0, SS_F32, c->attr[0].n, c->attr[0].v);
}

static ss_status cpu(ss_call *c)
{
    const uint64_t key = (uint64_t)c->attr[1].v[0];
    const float mean = (float)c->attr[2].num, std = (float)c->attr[3].num;
    const int64_t count = c->out[0].count;
    float *y = ss_out_f32(c, 0);
    SS_PARALLEL_FOR (b, ss_ceil_div(count, BLOCK), BLOCK) {
        const int64_t end = ss_min64(count, (b + 1) * BLOCK);
        for (int64_t i = b * BLOCK; i < end; i += SS_DRAWN) {
            const int64_t n = ss_min64(SS_DRAWN, end - i);
            float z[SS_DRAWN];
            ss_normal_lanes(key, (uint64_t)i / 4, z);
            for (int64_t k = 0; k < n; k++) y[i + k] = mean + std * z[k];
        }
    }
    return SS_OK;
}

const ss_op SS_OP(normal) = {
    .name = "normal",
    .sig = "shape: shape, key: int, mean: number = 0, std: number = 1",
    .doc = "Normally distributed random numbers. Elements 4k..4k+3 (row-major) are two Box-Muller "
           "pairs from Philox block k under `key`: the same key gives the same numbers.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD | SS_OP_RANDOM,
};
