/* _softmax_dx.c — gradient of softmax: y (dy - sum dy y). */
#include "support/panel.h"

static ss_status infer(ss_call *c)
{
    return ss_out_like(c, 0, &c->in[1]);
}

static ss_status plan(ss_call *c)
{
    ss_axis a = ss_axis_of(&c->in[1], (int)c->attr[0].v[0]);
    c->scratch_bytes = ss_panel_bytes(&a, 2);
    return SS_OK;
}

static void panel(float *restrict t, const float *restrict y, int64_t d)
{
    float sum[SS_LANES] = {0};
    for (int64_t k = 0; k < d * SS_LANES; k += SS_LANES)
        for (int l = 0; l < SS_LANES; l++) sum[l] += t[k + l] * y[k + l];
    for (int64_t k = 0; k < d * SS_LANES; k += SS_LANES)
        for (int l = 0; l < SS_LANES; l++) t[k + l] = y[k + l] * (t[k + l] - sum[l]);
}

static ss_status cpu(ss_call *c)
{
    const ss_axis a = ss_axis_of(&c->in[1], (int)c->attr[0].v[0]);
    if (c->in[1].count == 0) return SS_OK;
    SS_PARALLEL_FOR (i, a.panels, a.d * SS_LANES) {
        float *t = ss_panel_scratch(c->scratch, &a, 2), *y = t + a.d * SS_LANES;
        ss_panel_load(t, &c->in[0], &a, i);
        ss_panel_load(y, &c->in[1], &a, i);
        panel(t, y, a.d);
        ss_panel_store(&c->out[0], &a, i, t);
    }
    return SS_OK;
}

const ss_op SS_OP(_softmax_dx) = {
    .name = "_softmax_dx",
    .sig = "dy: float, y: float, dim: dim = -1",
    .doc = "Gradient of softmax from its result.",
    .infer = infer,
    .plan = plan,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
