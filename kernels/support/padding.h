/* padding.h — the geometry that pad and its gradient share. */
#ifndef SEMISAM_PADDING_H
#define SEMISAM_PADDING_H
#include "../op.h"
#include "nearest.h"

typedef enum { SS_PAD_CONSTANT, SS_PAD_EDGE, SS_PAD_REFLECT } ss_pad_mode;

/* Places before and after axis a; pads lists pairs from the last axis backwards. */
static inline int64_t ss_pad_before(const ss_attr *pads, int ndim, int a)
{
    const int i = 2 * (ndim - 1 - a);
    return i < pads->n ? pads->v[i] : 0;
}
static inline int64_t ss_pad_after(const ss_attr *pads, int ndim, int a)
{
    const int i = 2 * (ndim - 1 - a) + 1;
    return i < pads->n ? pads->v[i] : 0;
}

/* The place of an axis of n that padded place i shows; -1: the constant. */
SS_BOTH int64_t ss_pad_source(int64_t i, int64_t before, int64_t n, ss_pad_mode mode)
{
    const int64_t j = i - before;
    if (j >= 0 && j < n) return j;
    if (mode == SS_PAD_CONSTANT) return -1;
    if (mode == SS_PAD_EDGE) return j < 0 ? 0 : n - 1;
    return j < 0 ? -j : 2 * (n - 1) - j; /* at most n - 1 places outside */
}
#endif
