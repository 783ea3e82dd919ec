/* batch_norm.c — per channel over the batch and all positions, or with running statistics. */
#include "support/channel_norm.h"
#include "support/cuda_norm.h"

enum { X, WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR };
enum { TRAINING, EPS };

static ss_status infer(ss_call *c)
{
    ss_status s = ss_norm_infer(c, WEIGHT, BIAS, -1);
    if (s != SS_OK) return s;
    const ss_view *x = &c->in[X];
    const int64_t ch = x->shape[x->ndim - 1];
    if (!c->attr[TRAINING].v[0])
        for (int i = RUNNING_MEAN; i <= RUNNING_VAR; i++) {
            const ss_view *v = &c->in[i];
            const char *name = i == RUNNING_MEAN ? "running_mean" : "running_var";
            if (!v->present)
                return ss_fail(c, SS_E_ARG, "%s is needed unless training is true", name);
            if (v->ndim != 1 || v->shape[0] != ch)
                return ss_fail(c, SS_E_SHAPE, "%s must be [%lld], the channels of x", name,
                               (long long)ch);
        }
    s = ss_out_like(c, 0, x);
    for (int k = 1; k <= 2 && s == SS_OK; k++) s = ss_out(c, k, SS_F32, 1, &ch);
    return s;
}

static ss_status plan(ss_call *c)
{
    ss_norm_geo g = ss_norm_geometry(&c->in[X]);
    c->scratch_bytes = c->attr[TRAINING].v[0] ? ss_norm_scratch(&g) : 0;
    return SS_OK;
}

static ss_status plan_cuda(ss_call *c)
{
    if (c->attr[TRAINING].v[0]) {
        const ss_norm_tiles t = ss_norm_tiles_of(&c->in[X]);
        c->scratch_bytes = ss_norm_total_bytes(&t, 2) + ss_norm_part_bytes(&t, 2);
    }
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[X], absent = {.present = false};
    ss_norm_geo g = ss_norm_geometry(x);
    float *mean = ss_out_f32(c, 1), *rstd = ss_out_f32(c, 2);
    const double eps = c->attr[EPS].num;
    if (c->attr[TRAINING].v[0]) {
        double *stats = ss_norm_stats(x, &g, c->scratch);
        ss_norm_join(stats, &g, 1, true);
        ss_norm_finish(stats, &g, 1, (double)(g.n * g.s), eps, mean, rstd);
    } else {
        const float *rm = ss_in_f32(c, RUNNING_MEAN), *rv = ss_in_f32(c, RUNNING_VAR);
        for (int64_t j = 0; j < g.c; j++) {
            mean[j] = rm[j];
            rstd[j] = (float)(1 / sqrt((double)rv[j] + eps));
        }
    }
    ss_norm_args a = {.x = x,
                      .weight = &c->in[WEIGHT],
                      .bias = &c->in[BIAS],
                      .residual = &absent,
                      .mean = mean,
                      .rstd = rstd,
                      .slope = 1};
    ss_norm_apply(&a, &g, &c->out[0]);
    return SS_OK;
}

static void grad(ss_grad *g)
{
    ss_tensor *outs[4] = {0};
    ss_attr attr[] = {ss_int(g->attr[TRAINING].v[0] ? 1 : 2), ss_int(1), ss_num(1)};
    attr[0].str = g->attr[TRAINING].v[0] ? "batch" : "fixed";
    if (!ss_gn(g, "_channel_norm_dx", 7,
               (ss_tensor *[]){g->dy[0], g->in[X], g->out[1], g->out[2], g->in[WEIGHT], g->in[BIAS],
                               NULL},
               3, attr, outs))
        return;
    ss_dx(g, X, outs[0]);
    for (int i = WEIGHT; i <= BIAS; i++)
        if (g->in[i]) ss_dx(g, i, outs[i]);
}

const ss_op SS_OP(batch_norm) = {
    .name = "batch_norm",
    .sig = "x: float, weight?: float, bias?: float, running_mean?: f32, running_var?: f32, "
           "training: bool = false, eps: number = 1e-5",
    .doc = "Normalise every channel of `x` [n, ..., c] over batch and positions: "
           "y = (x - mean) / sqrt(var + eps) * weight + bias. With `training` the mean and biased "
           "variance are those of `x`, without it the running ones, which carry no gradient. "
           "batch_norm_update_ moves the running statistics.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .grad = grad,
    .saves = SS_SAVE_IN(X) | SS_SAVE_IN(WEIGHT) | SS_SAVE_IN(BIAS) | SS_SAVE_OUT(1) |
             SS_SAVE_OUT(2),
    .nout = 3,
    .hidden = 2,
};
