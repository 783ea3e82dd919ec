/* bce_with_logits.cu — binary cross-entropy of sigmoid(x), weighted mean. */
#include "cuda/parts.h"
#include "cuda/weights.h"

enum { X, TARGET, WEIGHT };

SS_KERNEL(bce_sums)(ss_view x, ss_view target, ss_weights weights, int64_t n, double *part)
{
    double loss = 0, total = 0;
    SS_EACH (i, n) {
        const float v = ss_load(x.data, x.dtype, i), u = ss_weight(weights, i);
        const float t = ss_load(target.data, target.dtype, i);
        const float e = (v > 0 ? v : 0) - v * t + log1pf(expf(v > 0 ? -v : v));
        if (u != 0) loss += (double)(u * e);
        total += (double)u;
    }
    loss = ss_block_sum(loss);
    total = ss_block_sum(total);
    if (threadIdx.x == 0) part[2 * blockIdx.x] = loss, part[2 * blockIdx.x + 1] = total;
}

SS_TWIN(bce_with_logits)
{
    const ss_view *x = &c->in[X];
    const int64_t parts = ss_parts_of(x->count);
    double *part = (double *)c->scratch;
    SS_LAUNCH(g, bce_sums, (unsigned)parts, SS_BLOCK, 0, *x, c->in[TARGET],
              ss_weights_of(&c->in[WEIGHT], x), x->count, part);
    SS_LAUNCH(g, ss_join_mean, 1, SS_BLOCK, 0, part, parts, ss_out_ptr<float>(c, 0),
              ss_out_ptr<float>(c, 1));
    return ss_launched(c, g);
}
