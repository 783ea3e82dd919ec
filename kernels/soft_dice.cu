/* soft_dice.cu — 1 - (2 sum p y + eps) / (sum p^2 + sum y^2 + eps) per channel. */
#include "cuda/norm.h"
#include "cuda/weights.h"

enum { P, TARGET, MASK };
enum { SQUARED, EPS, PER_SAMPLE };

SS_KERNEL(dice_sums)
(ss_view p, ss_view target, ss_weights mask, ss_norm_tiles t, bool squared, float *part)
{
    const ss_norm_spot s = ss_norm_here(t);
    float both = 0, sum = 0;
    SS_EACH_LINE(r, s, t)
    {
        const int64_t i = s.at + r * t.c;
        const float w = ss_weight(mask, i);
        const float u = w != 0 ? ss_load(p.data, p.dtype, i) : 0;
        const float v = w != 0 ? ss_load(target.data, target.dtype, i) : 0;
        both += w * u * v;
        sum += squared ? w * (u * u + v * v) : w * (u + v);
    }
    both = ss_norm_fold(t, s, both);
    sum = ss_norm_fold(t, s, sum);
    if (s.line || !s.active) return;
    part[ss_norm_part(t, s.sample, s.chunk, 0, s.j)] = both;
    part[ss_norm_part(t, s.sample, s.chunk, 1, s.j)] = sum;
}

/* Numerators and denominators [groups, 2, c], and the loss; one block. */
SS_KERNEL(dice_loss)
(const double *total, ss_norm_tiles t, int64_t groups, double eps, float *sums, float *loss)
{
    const int64_t samples = groups ? t.n / groups : 0;
    double all = 0;
    for (int64_t k = threadIdx.x; k < groups * t.c; k += blockDim.x) {
        const int64_t i = k / t.c, j = k % t.c;
        double up = 0, down = 0;
        for (int64_t q = i * samples; q < (i + 1) * samples; q++) {
            up += total[2 * q * t.c + j];
            down += total[(2 * q + 1) * t.c + j];
        }
        up = 2 * up + eps;
        down += eps;
        all += down != 0 ? 1 - up / down : 0;
        sums[2 * i * t.c + j] = (float)up;
        sums[(2 * i + 1) * t.c + j] = (float)down;
    }
    all = ss_block_sum(all);
    if (threadIdx.x == 0) *loss = (float)(all / (double)(groups * t.c > 1 ? groups * t.c : 1));
}

SS_TWIN(soft_dice)
{
    const ss_view *p = &c->in[P];
    const ss_norm_tiles t = ss_norm_tiles_of(p);
    double *total = (double *)c->scratch;
    float *part = (float *)(total + 2 * t.n * t.c);
    if (p->count)
        SS_LAUNCH(g, dice_sums, (unsigned)ss_norm_blocks(&t), SS_NORM_THREADS, 0, *p, c->in[TARGET],
                  ss_weights_of(&c->in[MASK], p), t, c->attr[SQUARED].v[0] != 0, part);
    if (t.n > 0 && t.c > 0)
        SS_LAUNCH(g, ss_norm_join<false>, ss_norm_join_grid(t), SS_NORM_THREADS, 0, part, t, total);
    SS_LAUNCH(g, dice_loss, 1, SS_BLOCK, 0, total, t, c->out[1].shape[0], c->attr[EPS].num,
              ss_out_ptr<float>(c, 1), ss_out_ptr<float>(c, 0));
    return ss_launched(c, g);
}
