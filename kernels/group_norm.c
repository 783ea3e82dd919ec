/* group_norm.c — per sample over all positions and the channels of a group. */
#include "support/channel_norm.h"
#include "support/cuda_norm.h"

enum { X, WEIGHT, BIAS, RESIDUAL };
enum { GROUPS, EPS, SLOPE };

static ss_status infer(ss_call *c)
{
    ss_status s = ss_norm_infer(c, WEIGHT, BIAS, RESIDUAL);
    if (s != SS_OK) return s;
    const ss_view *x = &c->in[X];
    const int64_t groups = c->attr[GROUPS].v[0], ch = x->shape[x->ndim - 1];
    if (groups < 1 || ch % groups)
        return ss_fail(c, SS_E_ARG, "groups must divide the %lld channels, got %lld", (long long)ch,
                       (long long)groups);
    s = ss_out_like(c, 0, x);
    for (int k = 1; k <= 2 && s == SS_OK; k++)
        s = ss_out(c, k, SS_F32, 2, (int64_t[]){x->shape[0], ch});
    return s;
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
    const int64_t m = g.c / c->attr[GROUPS].v[0];
    double *stats = ss_norm_stats(x, &g, c->scratch);
    if (m > 0) ss_norm_join(stats, &g, m, false);
    ss_norm_finish(stats, &g, g.n, (double)(g.s * m), c->attr[EPS].num, ss_out_f32(c, 1),
                   ss_out_f32(c, 2));
    ss_norm_args a = {.x = x,
                      .weight = &c->in[WEIGHT],
                      .bias = &c->in[BIAS],
                      .residual = &c->in[RESIDUAL],
                      .mean = ss_out_f32(c, 1),
                      .rstd = ss_out_f32(c, 2),
                      .stat_stride = g.c,
                      .slope = (float)c->attr[SLOPE].num};
    ss_norm_apply(&a, &g, &c->out[0]);
    return SS_OK;
}

static void grad(ss_grad *g)
{
    const ss_view *x = &g->in_view[X];
    ss_tensor *outs[4] = {0};
    ss_attr attr[] = {ss_int(0), ss_int(x->shape[x->ndim - 1] / g->attr[GROUPS].v[0]),
                      g->attr[SLOPE]};
    attr[0].str = "sample";
    if (!ss_gn(g, "_channel_norm_dx", 7,
               (ss_tensor *[]){g->dy[0], g->in[X], g->out[1], g->out[2], g->in[WEIGHT], g->in[BIAS],
                               g->in[RESIDUAL]},
               3, attr, outs))
        return;
    ss_dx(g, X, outs[0]);
    for (int i = WEIGHT; i <= RESIDUAL; i++)
        if (g->in[i]) ss_dx(g, i, outs[i]);
}

const ss_op SS_OP(group_norm) = {
    .name = "group_norm",
    .sig = "x: float, weight?: float, bias?: float, residual?: float, groups: int, "
           "eps: number = 1e-5, slope: number = 1",
    .doc = "Normalise groups of channels of every sample of `x` [n, ..., c] over positions and the "
           "group: y = leaky((x - mean) / sqrt(var + eps) * weight + bias + residual), biased "
           "variance. `slope` as in instance_norm. Y. Wu and K. He, Group Normalization, 2018.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .grad = grad,
    .saves = SS_SAVE_IN(X) | SS_SAVE_IN(WEIGHT) | SS_SAVE_IN(BIAS) | SS_SAVE_IN(RESIDUAL) |
             SS_SAVE_OUT(1) | SS_SAVE_OUT(2),
    .nout = 3,
    .hidden = 2,
};
