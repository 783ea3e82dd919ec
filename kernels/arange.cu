/* arange.cu — start, start + step, start + 2 step, ... */
#include "cuda/number.h"
#include "support/nearest.h"

SS_KERNEL(count_up)(void *y, ss_dtype type, int64_t n, double start, double step)
{
    SS_EACH (i, n) {
        const double v = start + (double)i * step;
        if (type == SS_F32 || type == SS_F16 || type == SS_BF16)
            ss_write(y, type, i, (float)v);
        else
            ss_write(y, type, i, ss_nearest_i64(v));
    }
}

SS_TWIN(arange)
{
    const ss_view *y = &c->out[0];
    if (y->count)
        SS_LAUNCH(g, count_up, ss_grid(g, y->count), SS_BLOCK, 0, y->data, y->dtype, y->count,
                  c->attr[1].num, c->attr[2].num);
    return ss_launched(c, g);
}
