/* ema_.cu — exponential moving average in f32. */
#include "cuda/cuda.h"

SS_KERNEL(ema_step)(float *avg, ss_view p, float alpha, float rest)
{
    SS_EACH (i, p.count) avg[i] = alpha * avg[i] + rest * ss_load(p.data, p.dtype, i);
}

SS_TWIN(ema_)
{
    const int64_t n = c->in[1].count;
    if (n)
        SS_LAUNCH(g, ema_step, ss_grid(g, n), SS_BLOCK, 0, (float *)c->in[0].data, c->in[1],
                  (float)c->attr[0].num, (float)(1 - c->attr[0].num));
    return ss_launched(c, g);
}
