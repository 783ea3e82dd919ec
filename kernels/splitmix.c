/* splitmix.c — numbers hashed from their place, for weights and inputs that need no file. */
#include "support/splitmix.h"
#include "cpu.h"

enum { BLOCK = 4096 };

static ss_status infer(ss_call *c)
{
    return ss_out(c, 0, SS_F32, c->attr[0].n, c->attr[0].v);
}

static ss_status cpu(ss_call *c)
{
    const uint64_t key = (uint64_t)c->attr[1].v[0];
    const double scale = c->attr[2].num, offset = c->attr[3].num;
    const int64_t count = c->out[0].count;
    float *y = ss_out_f32(c, 0);
    SS_PARALLEL_FOR (b, ss_ceil_div(count, BLOCK), BLOCK) {
        const int64_t end = ss_min64(count, (b + 1) * BLOCK);
        for (int64_t i = b * BLOCK; i < end; i++)
            y[i] = ss_splitmix_number(key, (uint64_t)i, scale, offset);
    }
    return SS_OK;
}

const ss_op SS_OP(splitmix) = {
    .name = "splitmix",
    .sig = "shape: shape, key: int, scale: number = 1, offset: number = 0",
    .doc = "offset + scale (2 u - 1), u in [0, 1) being the 24 high bits of SplitMix64 of key + i "
           "for the i-th element (row-major); computed in double and rounded once.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD | SS_OP_RANDOM,
};
