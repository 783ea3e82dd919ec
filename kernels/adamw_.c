/* adamw_.c — one step of Adam with decoupled weight decay. */
#include "support/update.h"

enum { P, G, M, V };
enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, STEP };
enum { BLOCK = 4096 };

static ss_status infer(ss_call *c)
{
    if (c->attr[STEP].v[0] < 1)
        return ss_fail(c, SS_E_ARG, "step counts from 1, got %lld", (long long)c->attr[STEP].v[0]);
    return ss_update_infer(c, (const char *const[]){"p", "g", "m", "v"});
}

static ss_status cpu(ss_call *c)
{
    const double b1 = c->attr[BETA1].num, b2 = c->attr[BETA2].num, t = c->attr[STEP].num;
    const float m1 = (float)b1, m2 = (float)b2, n1 = (float)(1 - b1), n2 = (float)(1 - b2);
    const float rate = (float)(c->attr[LR].num / (1 - pow(b1, t)));
    const float root = (float)(1 / sqrt(1 - pow(b2, t))), eps = (float)c->attr[EPS].num;
    const float shrink = (float)(1 - c->attr[LR].num * c->attr[WEIGHT_DECAY].num);
    const int64_t n = c->in[P].count;
    SS_PARALLEL_FOR (b, ss_ceil_div(n, BLOCK), BLOCK) {
        float gb[BLOCK];
        const int64_t at = b * BLOCK, k = ss_min64(BLOCK, n - at);
        float *restrict p = (float *)c->in[P].data + at, *restrict m = (float *)c->in[M].data + at;
        float *restrict v = (float *)c->in[V].data + at;
        const float *g = ss_block_in(&c->in[G], at, k, gb);
        for (int64_t i = 0; i < k; i++) {
            const float a = m1 * m[i] + n1 * g[i], s = m2 * v[i] + n2 * g[i] * g[i];
            m[i] = a;
            v[i] = s;
            p[i] = shrink * p[i] - rate * a / (sqrtf(s) * root + eps);
        }
    }
    return SS_OK;
}

const ss_op SS_OP(adamw_) = {
    .name = "adamw_",
    .sig = "p: f32, g: float, m: f32, v: f32, lr: number, beta1: number = 0.9, "
           "beta2: number = 0.999, eps: number = 1e-8, weight_decay: number = 0.01, step: int = 1",
    .doc =
        "p *= 1 - lr weight_decay; m, v = moving averages of g and g^2; p -= lr / (1 - beta1^step) "
        "m / (sqrt(v / (1 - beta2^step)) + eps). `step` counts from 1. Writes p, m and v. "
        "I. Loshchilov and F. Hutter, Decoupled Weight Decay Regularization, 2019.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_INPLACE,
};
