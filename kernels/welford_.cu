/* welford_.cu — mean and squared deviations of a growing queue of maps, one map at a time. */
#include "cuda/weights.h"

enum { STATE, X, WEIGHT };

SS_KERNEL(welford_step)(float *mean, float *m2, float *total, ss_view x, ss_weights weights)
{
    SS_EACH (i, x.count) {
        const float u = ss_weight(weights, i), t = total[i] + u;
        const float v = ss_load(x.data, x.dtype, i), d = v - mean[i];
        const float a = mean[i] + d * (u / (t != 0 ? t : 1));
        if (u != 0) {
            m2[i] += u * d * (v - a);
            mean[i] = a;
        }
        total[i] = t;
    }
}

SS_TWIN(welford_)
{
    const ss_view *x = &c->in[X];
    float *s = (float *)c->in[STATE].data;
    if (x->count)
        SS_LAUNCH(g, welford_step, ss_grid(g, x->count), SS_BLOCK, 0, s, s + x->count,
                  s + 2 * x->count, *x, ss_weights_of(&c->in[WEIGHT], x));
    return ss_launched(c, g);
}
