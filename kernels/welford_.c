/* welford_.c — mean and squared deviations of a growing queue of maps, one map at a time.
 *
 * B. P. Welford, Note on a method for calculating corrected sums of squares and products, 1962;
 * weights as in D. H. D. West, Updating mean and variance estimates, 1979. */
#include "support/loss_mask.h"

enum { STATE, X, WEIGHT };
enum { BLOCK = 2048 };

static ss_status infer(ss_call *c)
{
    const ss_view *s = &c->in[STATE], *x = &c->in[X], *w = &c->in[WEIGHT];
    bool fits = s->ndim == x->ndim + 1 && s->shape[0] == 3;
    for (int i = 0; fits && i < x->ndim; i++) fits = s->shape[i + 1] == x->shape[i];
    if (!fits) return ss_fail(c, SS_E_SHAPE, "state must be [3, ...] over the shape of x");
    if (w->present && !ss_same_shape(x, w))
        return ss_fail(c, SS_E_SHAPE, "weight must have the shape of x");
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[X];
    const int64_t n = x->count;
    SS_PARALLEL_FOR (b, ss_ceil_div(n, BLOCK), BLOCK) {
        float xb[BLOCK], wb[BLOCK];
        const int64_t at = b * BLOCK, m = ss_min64(BLOCK, n - at);
        float *restrict mean = (float *)c->in[STATE].data + at;
        float *restrict m2 = mean + n, *restrict total = m2 + n;
        const float *v = ss_block_in(x, at, m, xb), *w = ss_mask_in(&c->in[WEIGHT], x, at, m, wb);
        for (int64_t i = 0; i < m; i++) {
            const float u = w[i], t = total[i] + u, d = v[i] - mean[i];
            const float a = mean[i] + d * (u / (t != 0 ? t : 1));
            m2[i] = u != 0 ? m2[i] + u * d * (v[i] - a) : m2[i];
            mean[i] = u != 0 ? a : mean[i];
            total[i] = t;
        }
    }
    return SS_OK;
}

const ss_op SS_OP(welford_) = {
    .name = "welford_",
    .sig = "state: f32, x: float, weight?: any",
    .doc = "Adds the map `x` to `state` [3, ...] = mean, sum of squared deviations, sum of weights "
           "(zeros at the start); `weight` leaves out or weighs single positions. The population "
           "variance is state[2] / state[3].",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_INPLACE,
};
