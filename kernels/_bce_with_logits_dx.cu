/* _bce_with_logits_dx.cu — gradient of bce_with_logits: dy weight / total (sigmoid(x) - target). */
#include "cuda/weights.h"

enum { X, TARGET, DY, TOTAL, WEIGHT };

SS_KERNEL(bce_dx)
(ss_view x, ss_view target, const float *dy, const float *total, ss_weights weights, ss_view dx)
{
    const float scale = *total != 0 ? *dy / *total : 0;
    SS_EACH (i, x.count) {
        const float v = ss_load(x.data, x.dtype, i), w = ss_weight(weights, i);
        const float d = 1 / (1 + expf(-v)) - ss_load(target.data, target.dtype, i);
        ss_store(dx.data, dx.dtype, i, w != 0 ? scale * w * d : 0);
    }
}

SS_TWIN(_bce_with_logits_dx)
{
    const ss_view *x = &c->in[X];
    if (x->count)
        SS_LAUNCH(g, bce_dx, ss_grid(g, x->count), SS_BLOCK, 0, *x, c->in[TARGET],
                  ss_in_ptr<float>(c, DY), ss_in_ptr<float>(c, TOTAL),
                  ss_weights_of(&c->in[WEIGHT], x), c->out[0]);
    return ss_launched(c, g);
}
