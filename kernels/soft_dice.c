/* soft_dice.c — 1 - (2 sum p y + eps) / (sum p^2 + sum y^2 + eps) per channel. */
#include "support/cuda_norm.h"
#include "support/dice.h"

enum { P, TARGET, MASK };
enum { SQUARED, EPS, PER_SAMPLE };
enum { SUMS = 2 }; /* numerator and denominator */

static ss_status infer(ss_call *c)
{
    const ss_view *p = &c->in[P];
    if (p->ndim < 2) return ss_fail(c, SS_E_SHAPE, "p must be [n, ..., c], got %d axes", p->ndim);
    if (!ss_same_shape(p, &c->in[TARGET]))
        return ss_fail(c, SS_E_SHAPE,
                       "p and target must have the same shape (one channel per class)");
    const int64_t samples = c->attr[PER_SAMPLE].v[0] ? p->shape[0] : 1;
    ss_status s = ss_mask_infer(c, MASK, "mask");
    if (s == SS_OK) s = ss_out(c, 0, SS_F32, 0, NULL);
    return s == SS_OK ? ss_out(c, 1, SS_F32, 3, (int64_t[]){samples, SUMS, p->shape[p->ndim - 1]})
                      : s;
}

static ss_status plan(ss_call *c)
{
    ss_norm_geo g = ss_norm_geometry(&c->in[P]);
    c->scratch_bytes = (size_t)(g.n * g.chunks * SUMS * g.c) * 4 + (size_t)(SUMS * g.c) * 8 + 64;
    return SS_OK;
}

static void chunk(const ss_call *c, const ss_norm_geo *g, int64_t i, float *part)
{
    const bool squared = c->attr[SQUARED].v[0] != 0;
    ss_norm_part at = ss_norm_part_at(g, i);
    ss_dice_chunk k;
    float both[SS_NORM_LANES] = {0}, sum[SS_NORM_LANES] = {0};
    ss_dice_load(&k, &c->in[P], &c->in[TARGET], &c->in[MASK], &at);
    for (int64_t r = 0; r < at.full + (at.tail > 0); r++) {
        const int64_t lanes = r < at.full ? at.lanes : at.tail;
        const float *p = k.p + r * k.pl, *t = k.t + r * k.tl, *m = k.m ? k.m + r * k.ml : NULL;
        for (int64_t l = 0; l < lanes; l++) {
            const float w = m ? m[l] : 1, u = w != 0 ? p[l] : 0, v = w != 0 ? t[l] : 0;
            both[l] += w * u * v;
            sum[l] += squared ? w * (u * u + v * v) : w * (u + v);
        }
    }
    float *out = part + (at.sample * g->chunks + at.chunk) * SUMS * g->c;
    ss_norm_fold(out + at.j0, both, &at);
    ss_norm_fold(out + g->c + at.j0, sum, &at);
}

static ss_status plan_cuda(ss_call *c)
{
    const ss_norm_tiles t = ss_norm_tiles_of(&c->in[P]);
    c->scratch_bytes = ss_norm_total_bytes(&t, 2) + ss_norm_part_bytes(&t, 2);
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    const ss_norm_geo g = ss_norm_geometry(&c->in[P]);
    const double eps = c->attr[EPS].num;
    const int64_t groups = c->out[1].shape[0], parts = groups ? g.n * g.chunks / groups : 0;
    double *sum = (double *)c->scratch, loss = 0;
    float *part = (float *)(sum + SUMS * g.c), *out = ss_out_f32(c, 1);
    SS_PARALLEL_FOR (i, ss_norm_parts(&g), SS_NORM_CHUNK) chunk(c, &g, i, part);
    for (int64_t i = 0; i < groups; i++) {
        memset(sum, 0, (size_t)(SUMS * g.c) * 8);
        for (int64_t k = i * parts; k < (i + 1) * parts; k++)
            for (int64_t j = 0; j < SUMS * g.c; j++) sum[j] += (double)part[k * SUMS * g.c + j];
        for (int64_t j = 0; j < g.c; j++) {
            const double up = 2 * sum[j] + eps, down = sum[g.c + j] + eps;
            loss += down != 0 ? 1 - up / down : 0;
            out[i * SUMS * g.c + j] = (float)up;
            out[i * SUMS * g.c + g.c + j] = (float)down;
        }
    }
    *ss_out_f32(c, 0) = (float)(loss / (double)ss_max64(1, groups * g.c));
    return SS_OK;
}

static void grad(ss_grad *g)
{
    ss_dx(g, P,
          ss_g(g, "_soft_dice_dx", 5,
               (ss_tensor *[]){g->in[P], g->in[TARGET], g->dy[0], g->out[1], g->in[MASK]}, 1,
               g->attr));
}

const ss_op SS_OP(soft_dice) = {
    .name = "soft_dice",
    .sig = "p: float, target: any, mask?: any, squared: bool = true, eps: number = 1e-5, "
           "per_sample: bool = false",
    .doc =
        "Dice loss of probabilities: 1 - (2 sum p y + eps) / (sum p^2 + sum y^2 + eps) for every "
        "channel of [n, ..., c] over the batch, or with `per_sample` over each sample; then the "
        "mean. `squared = false` has sum p + sum y below the line. `mask` weighs the elements. "
        "F. Milletari et al., V-Net, 2016.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .grad = grad,
    .saves = SS_SAVE_IN(P) | SS_SAVE_IN(TARGET) | SS_SAVE_IN(MASK) | SS_SAVE_OUT(1),
    .nout = 2,
    .hidden = 1,
};
