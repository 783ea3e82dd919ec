/* _masked_mse_dx.c — gradient of masked_mse: dy factor mask (p - q), the factor by sample and by
 * q > 0.5. */
#include "support/loss_mask.h"

enum { P, Q, DY, FACTOR, MASK };
enum { BLOCK = 1024 };

static ss_status infer(ss_call *c)
{
    return ss_out_like(c, 0, &c->in[P]);
}

static ss_status cpu(ss_call *c)
{
    const ss_view *p = &c->in[P], *dp = &c->out[0];
    if (p->count == 0) return SS_OK;
    const int64_t n = p->count / p->shape[0], blocks = ss_ceil_div(n, BLOCK);
    const float *factor = ss_in_f32(c, FACTOR), dy = *ss_in_f32(c, DY);
    SS_PARALLEL_FOR (b, p->shape[0] * blocks, BLOCK) {
        float pb[BLOCK], qb[BLOCK], mb[BLOCK], ob[BLOCK];
        const int64_t i = b / blocks, at = i * n + b % blocks * BLOCK;
        const int64_t m = ss_min64(BLOCK, n - b % blocks * BLOCK);
        const float *v = ss_block_in(p, at, m, pb), *q = ss_block_in(&c->in[Q], at, m, qb);
        const float *w = ss_mask_in(&c->in[MASK], p, at, m, mb);
        const float fg = dy * factor[2 * i], bg = dy * factor[2 * i + 1];
        float *out = ss_block_out(dp, at, ob);
        for (int64_t j = 0; j < m; j++) {
            float f = (q[j] > 0.5f ? fg : bg) * w[j];
            out[j] = w[j] != 0 ? f * (v[j] - q[j]) : 0;
        }
        ss_block_done(dp, at, m, out);
    }
    return SS_OK;
}

const ss_op SS_OP(_masked_mse_dx) = {
    .name = "_masked_mse_dx",
    .sig = "p: float, q: float, dy: f32, factor: f32, mask?: any",
    .doc = "Gradient of masked_mse for `p`.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
