/* batch_norm_update_.cu — moves running statistics towards those of a batch. */
#include "cuda/norm.h"

enum { RUNNING_MEAN, RUNNING_VAR, X };

SS_KERNEL(move_running)(const double *total, ss_norm_tiles t, double f, float *rm, float *rv)
{
    SS_EACH (j, t.c) {
        const double count = (double)(t.n * t.s);
        double mean, m2;
        ss_norm_set(total, t, 0, t.n, j, 1, &mean, &m2);
        rm[j] = (float)((1 - f) * (double)rm[j] + f * mean);
        rv[j] = (float)((1 - f) * (double)rv[j] + f * m2 / (count > 1 ? count - 1 : 1));
    }
}

SS_TWIN(batch_norm_update_)
{
    const ss_view *x = &c->in[X];
    const ss_norm_tiles t = ss_norm_tiles_of(x);
    if (x->count == 0) return SS_OK;
    const double *total = ss_norm_totals(c, g, x, t);
    SS_LAUNCH(g, move_running, ss_grid(g, t.c), SS_BLOCK, 0, total, t, c->attr[0].num,
              (float *)c->in[RUNNING_MEAN].data, (float *)c->in[RUNNING_VAR].data);
    return ss_launched(c, g);
}
