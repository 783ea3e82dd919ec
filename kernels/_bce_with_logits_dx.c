/* _bce_with_logits_dx.c — gradient of bce_with_logits: dy weight / total (sigmoid(x) - target). */
#include "support/loss_mask.h"
#include "support/vmath.h"

enum { X, TARGET, DY, TOTAL, WEIGHT };
enum { BLOCK = 1024 };

static ss_status infer(ss_call *c)
{
    return ss_out_like(c, 0, &c->in[X]);
}

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[X], *dx = &c->out[0];
    const float total = *ss_in_f32(c, TOTAL), scale = total != 0 ? *ss_in_f32(c, DY) / total : 0;
    SS_PARALLEL_FOR (b, ss_ceil_div(x->count, BLOCK), BLOCK) {
        float xb[BLOCK], tb[BLOCK], wb[BLOCK], ob[BLOCK];
        const int64_t at = b * BLOCK, n = ss_min64(BLOCK, x->count - at);
        const float *v = ss_block_in(x, at, n, xb), *t = ss_block_in(&c->in[TARGET], at, n, tb);
        const float *w = ss_mask_in(&c->in[WEIGHT], x, at, n, wb);
        float *out = ss_block_out(dx, at, ob);
        for (int64_t i = 0; i < n; i++) {
            float d = 1 / (1 + ss_expf(-v[i])) - t[i];
            out[i] = w[i] != 0 ? scale * w[i] * d : 0;
        }
        ss_block_done(dx, at, n, out);
    }
    return SS_OK;
}

const ss_op SS_OP(_bce_with_logits_dx) = {
    .name = "_bce_with_logits_dx",
    .sig = "x: float, target: any, dy: f32, total: f32, weight?: any",
    .doc = "Gradient of bce_with_logits; `total` is the sum of the weights.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
