/* batch_norm.cu — per channel over the batch and all positions, or with running statistics. */
#include "cuda/norm.h"

enum { RUNNING_MEAN = 3, RUNNING_VAR };
enum { TRAINING, EPS };

SS_KERNEL(use_running)
(const float *rm, const float *rv, int64_t n, double eps, float *mean, float *rstd)
{
    SS_EACH (j, n) {
        mean[j] = rm[j];
        rstd[j] = (float)(1 / sqrt((double)rv[j] + eps));
    }
}

SS_TWIN(batch_norm)
{
    const ss_view *x = &c->in[0], absent = {};
    const double eps = c->attr[EPS].num;
    if (c->attr[TRAINING].v[0]) return ss_norm_run(c, g, x->shape[0], 1, eps, absent, 1);
    const ss_norm_tiles t = ss_norm_tiles_of(x);
    float *mean = ss_out_ptr<float>(c, 1), *rstd = ss_out_ptr<float>(c, 2);
    if (t.c)
        SS_LAUNCH(g, use_running, ss_grid(g, t.c), SS_BLOCK, 0, ss_in_ptr<float>(c, RUNNING_MEAN),
                  ss_in_ptr<float>(c, RUNNING_VAR), t.c, eps, mean, rstd);
    if (x->count)
        SS_LAUNCH(g, ss_norm_apply<0>, (unsigned)ss_norm_blocks(&t), SS_NORM_THREADS, 0, *x,
                  c->in[1], c->in[2], absent, c->out[0], t, mean, rstd, (int64_t)0, 1.0f);
    return ss_launched(c, g);
}
