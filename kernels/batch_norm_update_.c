/* batch_norm_update_.c — moves running statistics towards those of a batch. */
#include "support/channel_norm.h"
#include "support/cuda_norm.h"

enum { RUNNING_MEAN, RUNNING_VAR, X };

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[X];
    if (x->ndim < 2) return ss_fail(c, SS_E_SHAPE, "x must be [n, ..., c], got %d axes", x->ndim);
    for (int i = 0; i < X; i++)
        if (c->in[i].ndim != 1 || c->in[i].shape[0] != x->shape[x->ndim - 1])
            return ss_fail(c, SS_E_SHAPE, "%s must be [%lld], the channels of x",
                           i ? "running_var" : "running_mean", (long long)x->shape[x->ndim - 1]);
    return SS_OK;
}

static ss_status plan(ss_call *c)
{
    ss_norm_geo g = ss_norm_geometry(&c->in[X]);
    c->scratch_bytes = ss_norm_scratch(&g);
    return SS_OK;
}

static ss_status plan_cuda(ss_call *c)
{
    const ss_norm_tiles t = ss_norm_tiles_of(&c->in[X]);
    c->scratch_bytes = ss_norm_total_bytes(&t, 2) + ss_norm_part_bytes(&t, 2);
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[X];
    ss_norm_geo g = ss_norm_geometry(x);
    if (x->count == 0) return SS_OK;
    double *mean = ss_norm_stats(x, &g, c->scratch), *m2 = mean + g.n * g.c;
    ss_norm_join(mean, &g, 1, true);
    const double f = c->attr[0].num, count = (double)(g.n * g.s);
    float *rm = (float *)c->in[RUNNING_MEAN].data, *rv = (float *)c->in[RUNNING_VAR].data;
    for (int64_t j = 0; j < g.c; j++) {
        rm[j] = (float)((1 - f) * (double)rm[j] + f * mean[j]);
        rv[j] = (float)((1 - f) * (double)rv[j] + f * m2[j] / (count > 1 ? count - 1 : 1));
    }
    return SS_OK;
}

const ss_op SS_OP(batch_norm_update_) = {
    .name = "batch_norm_update_",
    .sig = "running_mean: f32, running_var: f32, x: float, momentum: number = 0.1",
    .doc = "running = (1 - momentum) * running + momentum * (mean, unbiased variance) of `x` "
           "[n, ..., c], per channel; writes both running tensors.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_INPLACE,
};
