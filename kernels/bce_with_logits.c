/* bce_with_logits.c — binary cross-entropy of sigmoid(x), weighted mean. */
#include "support/cuda_parts.h"
#include "support/loss_mask.h"
#include "support/vmath.h"

enum { X, TARGET, WEIGHT };

static ss_status infer(ss_call *c)
{
    if (!ss_same_shape(&c->in[X], &c->in[TARGET]))
        return ss_fail(c, SS_E_SHAPE, "x and target must have the same shape");
    ss_status s = ss_mask_infer(c, WEIGHT, "weight");
    for (int k = 0; k < 2 && s == SS_OK; k++) s = ss_out(c, k, SS_F32, 0, NULL);
    return s;
}

static ss_status plan(ss_call *c)
{
    c->scratch_bytes = (size_t)ss_ceil_div(c->in[X].count, SS_CHUNK) * 16;
    return SS_OK;
}

static inline void add(const float *restrict x, const float *restrict t, const float *restrict w,
                       int lanes, float *restrict acc, float *restrict total)
{
    for (int l = 0; l < lanes; l++) {
        const float v = x[l], u = w[l];
        const float e = (v > 0 ? v : 0) - v * t[l] + ss_log1pf(ss_expf(v > 0 ? -v : v));
        acc[l] += u != 0 ? u * e : 0;
        total[l] += u;
    }
}

static void chunk(const ss_call *c, int64_t at, int64_t n, double *sums)
{
    float xb[SS_CHUNK], tb[SS_CHUNK], wb[SS_CHUNK], acc[SS_SUM_LANES] = {0};
    const float *x = ss_block_in(&c->in[X], at, n, xb);
    const float *t = ss_block_in(&c->in[TARGET], at, n, tb);
    const float *w = ss_mask_in(&c->in[WEIGHT], &c->in[X], at, n, wb);
    float total[SS_SUM_LANES] = {0};
    const int64_t full = n - n % SS_SUM_LANES;
    for (int64_t i = 0; i < full; i += SS_SUM_LANES)
        add(x + i, t + i, w + i, SS_SUM_LANES, acc, total);
    add(x + full, t + full, w + full, (int)(n - full), acc, total);
    sums[0] = ss_lane_total(acc);
    sums[1] = ss_lane_total(total);
}

/* Parts of the sums. */
static ss_status plan_cuda(ss_call *c)
{
    c->scratch_bytes = 2 * SS_PARTS * sizeof(double);
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    const int64_t n = c->in[X].count, chunks = ss_ceil_div(n, SS_CHUNK);
    double *part = (double *)c->scratch, loss = 0, weight = 0;
    SS_PARALLEL_FOR (b, chunks, SS_CHUNK)
        chunk(c, b * SS_CHUNK, ss_min64(SS_CHUNK, n - b * SS_CHUNK), part + 2 * b);
    for (int64_t b = 0; b < chunks; b++) {
        loss += part[2 * b];
        weight += part[2 * b + 1];
    }
    *ss_out_f32(c, 0) = weight != 0 ? (float)(loss / weight) : 0;
    *ss_out_f32(c, 1) = (float)weight;
    return SS_OK;
}

static void grad(ss_grad *g)
{
    ss_dx(g, X,
          ss_g(g, "_bce_with_logits_dx", 5,
               (ss_tensor *[]){g->in[X], g->in[TARGET], g->dy[0], g->out[1], g->in[WEIGHT]}, 0,
               NULL));
}

const ss_op SS_OP(bce_with_logits) = {
    .name = "bce_with_logits",
    .sig = "x: float, target: any, weight?: any",
    .doc =
        "Binary cross-entropy of sigmoid(x): sum of weight (max(x, 0) - x target + log(1 + "
        "exp(-|x|))) divided by the sum of `weight`; 0 if that is 0. `weight` has the shape of x "
        "or 1 on the last axis. No gradient reaches `target`.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .grad = grad,
    .saves = SS_SAVE_IN(X) | SS_SAVE_IN(TARGET) | SS_SAVE_IN(WEIGHT) | SS_SAVE_OUT(1),
    .nout = 2,
    .hidden = 1,
};
