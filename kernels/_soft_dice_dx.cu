/* _soft_dice_dx.cu — gradient of soft_dice: with up / down the ratio of a channel,
 * dp = dy mask / channels * (-2 y / down + up / down^2 * (2 p or 1)). */
#include "cuda/norm.h"
#include "cuda/weights.h"

enum { P, TARGET, DY, SUMS, MASK };

SS_KERNEL(dice_dx)
(ss_view p, ss_view target, const float *dy, const float *sums, int64_t groups, ss_weights mask,
 ss_norm_tiles t, bool squared, ss_view dp)
{
    const ss_norm_spot s = ss_norm_here(t);
    if (!s.active) return;
    const float *up = sums + (groups > 1 ? s.sample : 0) * 2 * t.c + s.j;
    const float u = up[0], d = up[t.c], f = *dy / (float)(groups * t.c);
    const float a = d != 0 ? -2 * f / d : 0;
    const float b = d != 0 ? f * u / d / d * (squared ? 2.0f : 1.0f) : 0;
    SS_EACH_LINE(r, s, t)
    {
        const int64_t i = s.at + r * t.c;
        const float w = ss_weight(mask, i);
        const float v = squared ? ss_load(p.data, p.dtype, i) : 1;
        const float e = a * ss_load(target.data, target.dtype, i) + b * v;
        ss_store(dp.data, dp.dtype, i, w != 0 ? w * e : 0);
    }
}

SS_TWIN(_soft_dice_dx)
{
    const ss_view *p = &c->in[P];
    const ss_norm_tiles t = ss_norm_tiles_of(p);
    if (p->count)
        SS_LAUNCH(g, dice_dx, (unsigned)ss_norm_blocks(&t), SS_NORM_THREADS, 0, *p, c->in[TARGET],
                  ss_in_ptr<float>(c, DY), ss_in_ptr<float>(c, SUMS), c->in[SUMS].shape[0],
                  ss_weights_of(&c->in[MASK], p), t, c->attr[0].v[0] != 0, c->out[0]);
    return ss_launched(c, g);
}
