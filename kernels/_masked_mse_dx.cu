/* _masked_mse_dx.cu — gradient of masked_mse: dy factor mask (p - q), the factor by sample and by
 * q > 0.5. */
#include "cuda/split.h"
#include "cuda/weights.h"

enum { P, Q, DY, FACTOR, MASK };

SS_KERNEL(mse_dx)
(ss_view p, ss_view q, const float *dy, const float *factor, ss_weights mask, int64_t n, ss_view dp)
{
    SS_EACH (i, p.count) {
        int64_t rest;
        const float *f = factor + 2 * ss_split(i, n, &rest), w = ss_weight(mask, i);
        const float y = ss_load(q.data, q.dtype, i), d = ss_load(p.data, p.dtype, i) - y;
        ss_store(dp.data, dp.dtype, i, w != 0 ? *dy * (y > 0.5f ? f[0] : f[1]) * w * d : 0);
    }
}

SS_TWIN(_masked_mse_dx)
{
    const ss_view *p = &c->in[P];
    if (p->count)
        SS_LAUNCH(g, mse_dx, ss_grid(g, p->count), SS_BLOCK, 0, *p, c->in[Q],
                  ss_in_ptr<float>(c, DY), ss_in_ptr<float>(c, FACTOR),
                  ss_weights_of(&c->in[MASK], p), p->count / p->shape[0], c->out[0]);
    return ss_launched(c, g);
}
