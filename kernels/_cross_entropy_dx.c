/* _cross_entropy_dx.c — gradient of cross_entropy: dy weight[t] / total (softmax - onehot). */
#include "support/panel.h"
#include "support/vmath.h"

enum { LOGITS, TARGET, DY, TOTAL, WEIGHT };

static ss_status infer(ss_call *c)
{
    return ss_out_like(c, 0, &c->in[LOGITS]);
}

static ss_status plan(ss_call *c)
{
    ss_axis a = ss_axis_of(&c->in[LOGITS], c->in[LOGITS].ndim - 1);
    c->scratch_bytes = ss_panel_bytes(&a, 1);
    return SS_OK;
}

static void panel(ss_call *c, const ss_axis *a, int64_t i, float *restrict t)
{
    const int64_t ignore = c->attr[0].v[0], lanes = ss_panel_lanes(a, i);
    const float *weight = c->in[WEIGHT].present ? ss_in_f32(c, WEIGHT) : NULL;
    const float total = *ss_in_f32(c, TOTAL), scale = total != 0 ? *ss_in_f32(c, DY) / total : 0;
    float max[SS_LANES], sum[SS_LANES] = {0}, f[SS_LANES] = {0};
    int32_t target[SS_LANES];
    ss_panel_targets(&c->in[TARGET], i * SS_LANES, lanes, ignore, a->d, target);
    for (int64_t l = 0; l < lanes; l++)
        if (target[l] >= 0) f[l] = scale * (weight ? weight[target[l]] : 1);
    ss_panel_load(t, &c->in[LOGITS], a, i);
    ss_panel_max(t, a->d, max);
    for (int64_t k = 0; k < a->d; k++)
        for (int l = 0; l < SS_LANES; l++) {
            float e = ss_expf(t[k * SS_LANES + l] - max[l]);
            t[k * SS_LANES + l] = e;
            sum[l] += e;
        }
    for (int l = 0; l < SS_LANES; l++) sum[l] = f[l] / sum[l];
    for (int64_t k = 0; k < a->d; k++)
        for (int l = 0; l < SS_LANES; l++) t[k * SS_LANES + l] *= sum[l];
    for (int64_t l = 0; l < lanes; l++) {
        if (target[l] >= 0) {
            t[target[l] * SS_LANES + l] -= f[l];
            continue;
        }
        for (int64_t k = 0; k < a->d; k++) t[k * SS_LANES + l] = 0; /* also over NaN logits */
    }
    ss_panel_store(&c->out[0], a, i, t);
}

static ss_status cpu(ss_call *c)
{
    const ss_axis a = ss_axis_of(&c->in[LOGITS], c->in[LOGITS].ndim - 1);
    if (c->out[0].count == 0) return SS_OK;
    SS_PARALLEL_FOR (i, a.panels, SS_LANES * a.d)
        panel(c, &a, i, ss_panel_scratch(c->scratch, &a, 1));
    return SS_OK;
}

const ss_op SS_OP(_cross_entropy_dx) = {
    .name = "_cross_entropy_dx",
    .sig = "logits: float, target: any, dy: f32, total: f32, weight?: f32, ignore: int = -1",
    .doc = "Gradient of cross_entropy; `total` is the sum of the weights that counted.",
    .infer = infer,
    .plan = plan,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
