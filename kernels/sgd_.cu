/* sgd_.cu — one step of stochastic gradient descent with momentum, in one pass. */
#include "cuda/cuda.h"

enum { P, G, M };
enum { LR, MOMENTUM, NESTEROV, WEIGHT_DECAY, DAMPENING, FIRST };

struct step {
    float lr, mu, decay, keep;
    bool nesterov, first;
};

SS_KERNEL(sgd_step)(float *p, ss_view g, float *m, step k)
{
    SS_EACH (i, g.count) {
        const float d = ss_load(g.data, g.dtype, i) + k.decay * p[i];
        float u = d;
        if (k.mu != 0) {
            u = k.first ? d : k.mu * m[i] + k.keep * d;
            m[i] = u;
            if (k.nesterov) u = d + k.mu * u;
        }
        p[i] -= k.lr * u;
    }
}

SS_TWIN(sgd_)
{
    const step k = {(float)c->attr[LR].num,           (float)c->attr[MOMENTUM].num,
                    (float)c->attr[WEIGHT_DECAY].num, 1 - (float)c->attr[DAMPENING].num,
                    c->attr[NESTEROV].v[0] != 0,      c->attr[FIRST].v[0] != 0};
    const int64_t n = c->in[P].count;
    if (n)
        SS_LAUNCH(g, sgd_step, ss_grid(g, n), SS_BLOCK, 0, (float *)c->in[P].data, c->in[G],
                  (float *)c->in[M].data, k);
    return ss_launched(c, g);
}
