/* loss_mask.h — optional weights of a loss: absent, of the data's shape, or with a last axis of
 * size 1 that serves all channels. */
#ifndef SEMISAM_LOSS_MASK_H
#define SEMISAM_LOSS_MASK_H
#include "block.h"

static inline bool ss_same_shape(const ss_view *a, const ss_view *b)
{
    if (a->ndim != b->ndim) return false;
    for (int i = 0; i < a->ndim; i++)
        if (a->shape[i] != b->shape[i]) return false;
    return true;
}

static inline ss_status ss_mask_infer(ss_call *c, int mask, const char *name)
{
    const ss_view *x = &c->in[0], *m = &c->in[mask];
    if (!m->present) return SS_OK;
    bool fits = m->ndim == x->ndim;
    for (int i = 0; fits && i < x->ndim; i++)
        fits = m->shape[i] == x->shape[i] || (i == x->ndim - 1 && m->shape[i] == 1);
    return fits ? SS_OK
                : ss_fail(c, SS_E_SHAPE,
                          "%s must have the first input's shape, or 1 on the last "
                          "axis",
                          name);
}

/* Weights of elements [at, at + n) of data whose last axis is c. */
static inline const float *ss_mask_in(const ss_view *m, const ss_view *x, int64_t at, int64_t n,
                                      float *buf)
{
    if (!m->present) {
        for (int64_t i = 0; i < n; i++) buf[i] = 1;
        return buf;
    }
    const int64_t c = x->ndim ? x->shape[x->ndim - 1] : 1;
    if (c == 1 || m->count == x->count) return ss_block_in(m, at, n, buf);
    for (int64_t i = 0; i < n;) {
        const int64_t row = (at + i) / c, end = ss_min64(n, (row + 1) * c - at);
        float one, w = *ss_block_in(m, row, 1, &one);
        for (; i < end; i++) buf[i] = w;
    }
    return buf;
}

/* Sum of 16 lanes that were added to in parallel. */
enum { SS_SUM_LANES = 16 };
static inline double ss_lane_total(const float *acc)
{
    double s = 0;
    for (int l = 0; l < SS_SUM_LANES; l++) s += (double)acc[l];
    return s;
}
#endif
