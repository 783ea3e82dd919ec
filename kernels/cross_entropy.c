/* cross_entropy.c — mean of -log softmax(logits)[target] over the positions that count. */
#include "support/cuda_parts.h"
#include "support/panel.h"
#include "support/vmath.h"

enum { LOGITS, TARGET, WEIGHT };
enum { PANELS = 16 }; /* summed as one unit */

typedef struct {
    double loss, weight;
    int64_t bad; /* position of a target that is no class; -1: none */
} part;

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[LOGITS], *t = &c->in[TARGET], *w = &c->in[WEIGHT];
    bool fits = x->ndim >= 1 && t->ndim == x->ndim - 1;
    for (int i = 0; fits && i < t->ndim; i++) fits = t->shape[i] == x->shape[i];
    if (!fits)
        return ss_fail(c, SS_E_SHAPE, "target must have the shape of logits without its last axis");
    if (ss_is_float(t->dtype))
        return ss_fail(c, SS_E_DTYPE, "target must hold integers, got %s", ss_dtype_name(t->dtype));
    if (w->present && (w->ndim != 1 || w->shape[0] != x->shape[x->ndim - 1]))
        return ss_fail(c, SS_E_SHAPE, "weight must be [%lld], one per class",
                       (long long)x->shape[x->ndim - 1]);
    ss_status s = ss_out(c, 0, SS_F32, 0, NULL);
    return s == SS_OK ? ss_out(c, 1, SS_F32, 0, NULL) : s;
}

static ss_status plan(ss_call *c)
{
    ss_axis a = ss_axis_of(&c->in[LOGITS], c->in[LOGITS].ndim - 1);
    c->scratch_bytes = ss_panel_bytes(&a, 1) + (size_t)ss_ceil_div(a.panels, PANELS) * sizeof(part);
    return SS_OK;
}

static void panel(const ss_call *c, const ss_axis *a, int64_t i, float *t, part *p)
{
    const int64_t ignore = c->attr[0].v[0], lanes = ss_panel_lanes(a, i);
    const float *weight = c->in[WEIGHT].present ? ss_in_f32(c, WEIGHT) : NULL;
    float max[SS_LANES], sum[SS_LANES] = {0};
    ss_panel_load(t, &c->in[LOGITS], a, i);
    ss_panel_max(t, a->d, max);
    for (int64_t k = 0; k < a->d; k++)
        for (int l = 0; l < SS_LANES; l++) sum[l] += ss_expf(t[k * SS_LANES + l] - max[l]);
    for (int l = 0; l < SS_LANES; l++) sum[l] = max[l] + ss_logf(sum[l]);
    int32_t target[SS_LANES];
    float loss = 0, total = 0;
    const int64_t bad = ss_panel_targets(&c->in[TARGET], i * SS_LANES, lanes, ignore, a->d, target);
    if (bad >= 0 && p->bad < 0) p->bad = bad;
    for (int64_t l = 0; l < lanes; l++) {
        const int32_t k = target[l] < 0 ? 0 : target[l];
        const float w = target[l] < 0 ? 0 : weight ? weight[k] : 1;
        loss += target[l] < 0 ? 0 : w * (sum[l] - t[k * SS_LANES + l]);
        total += w;
    }
    p->loss += (double)loss;
    p->weight += (double)total;
}

/* Parts of the sums. */
static ss_status plan_cuda(ss_call *c)
{
    c->scratch_bytes = 2 * SS_PARTS * sizeof(double);
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    const ss_axis a = ss_axis_of(&c->in[LOGITS], c->in[LOGITS].ndim - 1);
    const int64_t parts = a.d ? ss_ceil_div(a.panels, PANELS) : 0;
    part *p = (part *)((char *)c->scratch + ss_panel_bytes(&a, 1));
    SS_PARALLEL_FOR (b, parts, PANELS * SS_LANES * a.d) {
        p[b] = (part){.bad = -1};
        for (int64_t i = b * PANELS; i < ss_min64(a.panels, (b + 1) * PANELS); i++)
            panel(c, &a, i, ss_panel_scratch(c->scratch, &a, 1), &p[b]);
    }
    double loss = 0, weight = 0;
    for (int64_t b = 0; b < parts; b++) {
        if (p[b].bad >= 0)
            return ss_fail(c, SS_E_ARG,
                           "target must be 0 to %lld or ignore = %lld, element %lld is %lld",
                           (long long)a.d - 1, (long long)c->attr[0].v[0], (long long)p[b].bad + 1,
                           (long long)ss_int_at(&c->in[TARGET], p[b].bad));
        loss += p[b].loss;
        weight += p[b].weight;
    }
    *ss_out_f32(c, 0) = weight != 0 ? (float)(loss / weight) : 0;
    *ss_out_f32(c, 1) = (float)weight;
    return SS_OK;
}

static void grad(ss_grad *g)
{
    ss_dx(g, LOGITS,
          ss_g(g, "_cross_entropy_dx", 5,
               (ss_tensor *[]){g->in[LOGITS], g->in[TARGET], g->dy[0], g->out[1], g->in[WEIGHT]}, 1,
               g->attr));
}

const ss_op SS_OP(cross_entropy) = {
    .name = "cross_entropy",
    .sig = "logits: float, target: any, weight?: f32, ignore: int = -1",
    .doc =
        "Mean of weight[t] (log sum exp(logits) - logits[t]) over the positions whose target t is "
        "not `ignore`, divided by the sum of their weights; 0 if there are none. `logits` "
        "[..., classes], `target` [...] without the last axis, `weight` [classes].",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .grad = grad,
    .saves = SS_SAVE_IN(LOGITS) | SS_SAVE_IN(TARGET) | SS_SAVE_IN(WEIGHT) | SS_SAVE_OUT(1),
    .nout = 2,
    .hidden = 1,
};
