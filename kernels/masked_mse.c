/* masked_mse.c — masked mean squared difference per sample, averaged over the samples that have
 * a mask. */
#include "support/cuda_parts.h"
#include "support/loss_mask.h"

enum { P, Q, MASK };
enum { BALANCE_NONE, BALANCE_FG };
enum { SUMS = 4 }; /* weighted squares and weights where q > 0.5, then elsewhere */

static ss_status infer(ss_call *c)
{
    const ss_view *p = &c->in[P];
    if (p->ndim < 1) return ss_fail(c, SS_E_SHAPE, "p must be [n, ...], got a scalar");
    if (!ss_same_shape(p, &c->in[Q]))
        return ss_fail(c, SS_E_SHAPE, "p and q must have the same shape");
    ss_status s = ss_mask_infer(c, MASK, "mask");
    if (s == SS_OK) s = ss_out(c, 0, SS_F32, 0, NULL);
    return s == SS_OK ? ss_out(c, 1, SS_F32, 2, (int64_t[]){p->shape[0], 2}) : s;
}

static int64_t size_of(const ss_view *p, int64_t *chunks)
{
    const int64_t n = p->shape[0] > 0 ? p->count / p->shape[0] : 0;
    *chunks = ss_ceil_div(n, SS_CHUNK);
    return n;
}

static ss_status plan(ss_call *c)
{
    int64_t chunks;
    size_of(&c->in[P], &chunks);
    c->scratch_bytes = (size_t)(c->in[P].shape[0] * chunks * SUMS) * 8;
    return SS_OK;
}

static ss_status plan_cuda(ss_call *c)
{
    int64_t chunks, n = size_of(&c->in[P], &chunks);
    c->scratch_bytes = (size_t)(c->in[P].shape[0] * ss_parts_of(n) * SUMS) * sizeof(double);
    return SS_OK;
}

static inline void add(const float *restrict p, const float *restrict q, const float *restrict m,
                       int lanes, float acc[SUMS][SS_SUM_LANES])
{
    for (int l = 0; l < lanes; l++) {
        const float d = p[l] - q[l], w = m[l], e = w != 0 ? w * d * d : 0;
        const float fe = q[l] > 0.5f ? e : 0, fw = q[l] > 0.5f ? w : 0;
        acc[0][l] += fe;
        acc[1][l] += fw;
        acc[2][l] += q[l] > 0.5f ? 0 : e;
        acc[3][l] += q[l] > 0.5f ? 0 : w;
    }
}

static void chunk(const ss_call *c, int64_t at, int64_t n, double *sums)
{
    float pb[SS_CHUNK], qb[SS_CHUNK], mb[SS_CHUNK], acc[SUMS][SS_SUM_LANES] = {{0}};
    const float *p = ss_block_in(&c->in[P], at, n, pb), *q = ss_block_in(&c->in[Q], at, n, qb);
    const float *m = ss_mask_in(&c->in[MASK], &c->in[P], at, n, mb);
    const int64_t full = n - n % SS_SUM_LANES;
    for (int64_t i = 0; i < full; i += SS_SUM_LANES) add(p + i, q + i, m + i, SS_SUM_LANES, acc);
    add(p + full, q + full, m + full, (int)(n - full), acc);
    for (int k = 0; k < SUMS; k++) sums[k] = ss_lane_total(acc[k]);
}

/* Loss of one sample and what one element of foreground and background weighs in it. */
static double sample(const double *s, bool balance, double *weight)
{
    weight[0] = weight[1] = 0;
    if (!balance) {
        const double total = s[1] + s[3];
        if (total > 0) weight[0] = weight[1] = 1 / total;
    } else {
        const double classes = (s[1] > 0) + (s[3] > 0);
        if (s[1] > 0) weight[0] = 1 / (classes * s[1]);
        if (s[3] > 0) weight[1] = 1 / (classes * s[3]);
    }
    return weight[0] * s[0] + weight[1] * s[2];
}

static ss_status cpu(ss_call *c)
{
    const bool balance = c->attr[0].v[0] == BALANCE_FG;
    const int64_t samples = c->in[P].shape[0];
    int64_t chunks, n = size_of(&c->in[P], &chunks), used = 0;
    double *part = (double *)c->scratch, loss = 0;
    float *factor = ss_out_f32(c, 1);
    SS_PARALLEL_FOR (b, samples * chunks, SS_CHUNK) {
        const int64_t at = b % chunks * SS_CHUNK;
        chunk(c, b / chunks * n + at, ss_min64(SS_CHUNK, n - at), part + b * SUMS);
    }
    for (int64_t i = 0; i < samples; i++) {
        double s[SUMS] = {0}, weight[2];
        for (int64_t b = 0; b < chunks; b++)
            for (int k = 0; k < SUMS; k++) s[k] += part[(i * chunks + b) * SUMS + k];
        loss += sample(s, balance, weight);
        used += s[1] + s[3] > 0;
        factor[2 * i] = (float)(2 * weight[0]);
        factor[2 * i + 1] = (float)(2 * weight[1]);
    }
    for (int64_t i = 0; i < 2 * samples; i++) factor[i] /= (float)ss_max64(1, used);
    *ss_out_f32(c, 0) = (float)(loss / (double)ss_max64(1, used));
    return SS_OK;
}

static void grad(ss_grad *g)
{
    ss_dx(g, P,
          ss_g(g, "_masked_mse_dx", 5,
               (ss_tensor *[]){g->in[P], g->in[Q], g->dy[0], g->out[1], g->in[MASK]}, 0, NULL));
}

const ss_op SS_OP(masked_mse) = {
    .name = "masked_mse",
    .sig = "p: float, q: float, mask?: any, balance: enum(none|fg) = none",
    .doc =
        "Per sample of [n, ...] the ratio sum mask (p - q)^2 / sum mask, then the mean over the "
        "samples whose mask is not empty; 0 if all are. `balance = fg` gives q > 0.5 and q <= 0.5 "
        "the same total weight inside the mask. Gradient through `p` only.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .grad = grad,
    .saves = SS_SAVE_IN(P) | SS_SAVE_IN(Q) | SS_SAVE_IN(MASK) | SS_SAVE_OUT(1),
    .nout = 2,
    .hidden = 1,
};
