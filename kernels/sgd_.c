/* sgd_.c — one step of stochastic gradient descent with momentum. */
#include "support/update.h"

enum { P, G, M };
enum { LR, MOMENTUM, NESTEROV, WEIGHT_DECAY, DAMPENING, FIRST };
enum { BLOCK = 4096 };

static ss_status infer(ss_call *c)
{
    if (c->attr[MOMENTUM].num != 0 && !c->in[M].present)
        return ss_fail(c, SS_E_ARG, "momentum %g needs the state m", c->attr[MOMENTUM].num);
    return ss_update_infer(c, (const char *const[]){"p", "g", "m"});
}

static ss_status cpu(ss_call *c)
{
    const float lr = (float)c->attr[LR].num, mu = (float)c->attr[MOMENTUM].num;
    const float decay = (float)c->attr[WEIGHT_DECAY].num;
    const float keep = 1 - (float)c->attr[DAMPENING].num;
    const bool nesterov = c->attr[NESTEROV].v[0] != 0, first = c->attr[FIRST].v[0] != 0;
    const int64_t n = c->in[P].count;
    SS_PARALLEL_FOR (b, ss_ceil_div(n, BLOCK), BLOCK) {
        float gb[BLOCK];
        const int64_t at = b * BLOCK, m = ss_min64(BLOCK, n - at);
        float *restrict p = (float *)c->in[P].data + at;
        const float *g = ss_block_in(&c->in[G], at, m, gb);
        if (mu == 0) {
            for (int64_t i = 0; i < m; i++) p[i] -= lr * (g[i] + decay * p[i]);
            continue;
        }
        float *restrict v = (float *)c->in[M].data + at;
        for (int64_t i = 0; i < m; i++) {
            const float d = g[i] + decay * p[i], u = first ? d : mu * v[i] + keep * d;
            v[i] = u;
            p[i] -= lr * (nesterov ? d + mu * u : u);
        }
    }
    return SS_OK;
}

const ss_op SS_OP(sgd_) = {
    .name = "sgd_",
    .sig = "p: f32, g: float, m?: f32, lr: number, momentum: number = 0, nesterov: bool = false, "
           "weight_decay: number = 0, dampening: number = 0, first: bool = false",
    .doc = "d = g + weight_decay p; m = momentum m + (1 - dampening) d, or d on the `first` step; "
           "p -= lr m, with `nesterov` p -= lr (d + momentum m). Writes p and m.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_INPLACE,
};
