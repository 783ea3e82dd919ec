/* scale_u8.cu — intensities between two limits to 0..255. */
#include "cuda/cuda.h"
#include "support/scale_u8.h"

SS_KERNEL(scale)
(const void *x, ss_dtype t, int64_t n, double lo, double hi, bool keep_zero, uint8_t *y)
{
    SS_EACH (i, n) y[i] = ss_scale_u8(ss_load(x, t, i), lo, hi, keep_zero);
}

SS_TWIN(scale_u8)
{
    const ss_view *x = &c->in[0];
    if (x->count)
        SS_LAUNCH(g, scale, ss_grid(g, x->count), SS_BLOCK, 0, x->data, x->dtype, x->count,
                  c->attr[0].num, c->attr[1].num, c->attr[2].num != 0, ss_out_ptr<uint8_t>(c, 0));
    return ss_launched(c, g);
}
