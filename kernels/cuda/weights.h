/* weights.h — the optional weights of a loss on the device (see support/loss_mask.h). */
#ifndef SEMISAM_CUDA_WEIGHTS_H
#define SEMISAM_CUDA_WEIGHTS_H
#include "cuda.h"

struct ss_weights {
    const void *data; /* NULL: all are 1 */
    ss_dtype type;
    int64_t step; /* elements of the data that share one weight */
};
static inline ss_weights ss_weights_of(const ss_view *m, const ss_view *x)
{
    ss_weights w = {m->present ? m->data : nullptr, m->dtype, 1};
    if (m->present && m->count != x->count) w.step = x->shape[x->ndim - 1];
    return w;
}
SS_DEVICE float ss_weight(const ss_weights &w, int64_t i)
{
    if (!w.data) return 1;
    return ss_load(w.data, w.type, w.step == 1 ? i : i / w.step);
}
#endif
