/* log_softmax.c — x - log sum exp(x) along one axis. */
#include "support/panel.h"
#include "support/vmath.h"

static ss_status infer(ss_call *c)
{
    return ss_out_like(c, 0, &c->in[0]);
}

static ss_status plan(ss_call *c)
{
    ss_axis a = ss_axis_of(&c->in[0], (int)c->attr[0].v[0]);
    c->scratch_bytes = ss_panel_bytes(&a, 1);
    return SS_OK;
}

/* The largest is taken off first: with x near 1e4, x - (max + log sum) would lose three digits. */
static void panel(float *restrict t, int64_t d)
{
    float max[SS_LANES], sum[SS_LANES] = {0};
    ss_panel_max(t, d, max);
    for (int64_t k = 0; k < d; k++)
        for (int l = 0; l < SS_LANES; l++) {
            t[k * SS_LANES + l] -= max[l];
            sum[l] += ss_expf(t[k * SS_LANES + l]);
        }
    for (int l = 0; l < SS_LANES; l++) sum[l] = ss_logf(sum[l]);
    for (int64_t k = 0; k < d; k++)
        for (int l = 0; l < SS_LANES; l++) t[k * SS_LANES + l] -= sum[l];
}

static ss_status cpu(ss_call *c)
{
    const ss_axis a = ss_axis_of(&c->in[0], (int)c->attr[0].v[0]);
    if (c->in[0].count == 0) return SS_OK;
    SS_PARALLEL_FOR (i, a.panels, a.d * SS_LANES) {
        float *t = ss_panel_scratch(c->scratch, &a, 1);
        ss_panel_load(t, &c->in[0], &a, i);
        panel(t, a.d);
        ss_panel_store(&c->out[0], &a, i, t);
    }
    return SS_OK;
}

static void grad(ss_grad *g) /* dx = dy - exp(y) sum dy */
{
    ss_dx(g, 0, ss_g(g, "_log_softmax_dx", 2, (ss_tensor *[]){g->dy[0], g->out[0]}, 1, g->attr));
}

const ss_op SS_OP(log_softmax) = {
    .name = "log_softmax",
    .sig = "x: float, dim: dim = -1",
    .doc = "Logarithm of softmax along `dim`, computed without forming it.",
    .infer = infer,
    .plan = plan,
    .cpu = cpu,
    .grad = grad,
    .saves = SS_SAVE_OUT(0),
};
