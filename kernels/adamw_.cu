/* adamw_.cu — one step of Adam with decoupled weight decay, everything in one pass. */
#include "cuda/cuda.h"

enum { P, G, M, V };
enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, STEP };

struct step {
    float m1, m2, n1, n2, rate, root, eps, shrink;
};

SS_KERNEL(adamw_step)(float *p, ss_view g, float *m, float *v, step k)
{
    SS_EACH (i, g.count) {
        const float d = ss_load(g.data, g.dtype, i);
        const float a = k.m1 * m[i] + k.n1 * d, s = k.m2 * v[i] + k.n2 * d * d;
        m[i] = a;
        v[i] = s;
        p[i] = k.shrink * p[i] - k.rate * a / (sqrtf(s) * k.root + k.eps);
    }
}

SS_TWIN(adamw_)
{
    const double b1 = c->attr[BETA1].num, b2 = c->attr[BETA2].num, t = c->attr[STEP].num;
    const double lr = c->attr[LR].num;
    const step k = {(float)b1,
                    (float)b2,
                    (float)(1 - b1),
                    (float)(1 - b2),
                    (float)(lr / (1 - pow(b1, t))),
                    (float)(1 / sqrt(1 - pow(b2, t))),
                    (float)c->attr[EPS].num,
                    (float)(1 - lr * c->attr[WEIGHT_DECAY].num)};
    const int64_t n = c->in[P].count;
    if (n)
        SS_LAUNCH(g, adamw_step, ss_grid(g, n), SS_BLOCK, 0, (float *)c->in[P].data, c->in[G],
                  (float *)c->in[M].data, (float *)c->in[V].data, k);
    return ss_launched(c, g);
}
