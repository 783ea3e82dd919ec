/* ema_.c — exponential moving average in f32. */
#include "support/update.h"

enum { BLOCK = 4096 };

static ss_status infer(ss_call *c)
{
    return ss_update_infer(c, (const char *const[]){"avg", "p"});
}

static ss_status cpu(ss_call *c)
{
    const float alpha = (float)c->attr[0].num, rest = (float)(1 - c->attr[0].num);
    const int64_t n = c->in[0].count;
    SS_PARALLEL_FOR (b, ss_ceil_div(n, BLOCK), BLOCK) {
        float pb[BLOCK];
        const int64_t at = b * BLOCK, m = ss_min64(BLOCK, n - at);
        float *restrict a = (float *)c->in[0].data + at;
        const float *p = ss_block_in(&c->in[1], at, m, pb);
        for (int64_t i = 0; i < m; i++) a[i] = alpha * a[i] + rest * p[i];
    }
    return SS_OK;
}

const ss_op SS_OP(ema_) = {
    .name = "ema_",
    .sig = "avg: f32, p: float, alpha: number",
    .doc = "avg = alpha avg + (1 - alpha) p.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_INPLACE,
};
