/* _soft_dice_dx.c — gradient of soft_dice: with up / down the ratio of a channel,
 * dp = dy mask / channels * (-2 y / down + up / down^2 * (2 p or 1)). */
#include "support/dice.h"

enum { P, TARGET, DY, SUMS, MASK };

static ss_status infer(ss_call *c)
{
    return ss_out_like(c, 0, &c->in[P]);
}

static void chunk(ss_call *c, const ss_norm_geo *g, int64_t i)
{
    const bool squared = c->attr[0].v[0] != 0;
    const ss_view *sums = &c->in[SUMS], *dp = &c->out[0];
    const int64_t groups = sums->shape[0];
    ss_norm_part at = ss_norm_part_at(g, i);
    ss_dice_chunk k;
    float fa[SS_NORM_LANES], fb[SS_NORM_LANES], a[SS_NORM_LANES], b[SS_NORM_LANES];
    const float *up = ss_in_f32(c, SUMS) + (groups > 1 ? at.sample : 0) * 2 * g->c;
    const float dy = *ss_in_f32(c, DY) / (float)(groups * g->c);
    for (int64_t j = 0; j < at.w; j++) {
        const float u = up[at.j0 + j], d = up[g->c + at.j0 + j];
        fa[j] = d != 0 ? -2 * dy / d : 0;
        fb[j] = d != 0 ? dy * u / d / d * (squared ? 2.0f : 1.0f) : 0;
    }
    ss_norm_spread(a, fa, &at);
    ss_norm_spread(b, fb, &at);
    ss_dice_load(&k, &c->in[P], &c->in[TARGET], &c->in[MASK], &at);
    int64_t ol;
    float *out = ss_norm_out(dp, &at, k.pb, &ol); /* a row of p is read before it is written */
    for (int64_t r = 0; r < at.full + (at.tail > 0); r++) {
        const int64_t lanes = r < at.full ? at.lanes : at.tail;
        const float *p = k.p + r * k.pl, *t = k.t + r * k.tl, *m = k.m ? k.m + r * k.ml : NULL;
        float *o = out + r * ol;
        for (int64_t l = 0; l < lanes; l++) {
            const float w = m ? m[l] : 1, d = a[l] * t[l] + b[l] * (squared ? p[l] : 1);
            o[l] = w != 0 ? w * d : 0;
        }
    }
    ss_norm_done(dp, &at, out);
}

static ss_status cpu(ss_call *c)
{
    const ss_norm_geo g = ss_norm_geometry(&c->in[P]);
    SS_PARALLEL_FOR (i, ss_norm_parts(&g), SS_NORM_CHUNK) chunk(c, &g, i);
    return SS_OK;
}

const ss_op SS_OP(_soft_dice_dx) = {
    .name = "_soft_dice_dx",
    .sig = "p: float, target: any, dy: f32, sums: f32, mask?: any, squared: bool = true",
    .doc = "Gradient of soft_dice for `p`; `sums` holds numerators and denominators [n|1, 2, c].",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
