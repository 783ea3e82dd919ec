/* batch.h — the leading axes of a matrix product: which matrices of a and b belong together. */
#ifndef SEMISAM_BATCH_H
#define SEMISAM_BATCH_H
#include "../op.h"

/* Batch axes after merging: how far a and b move per step, in matrices (0: the same again). */
typedef struct ss_batch {
    int n;
    int64_t size[SS_MAX_DIM], a[SS_MAX_DIM], b[SS_MAX_DIM];
} ss_batch;

static inline int64_t ss_batch_lead(const ss_view *v, int ndim,
                                    int axis) /* size of v's axis, 1 where absent */
{
    int i = axis - (ndim - v->ndim);
    return i < 0 ? 1 : v->shape[i];
}

/* Outermost first. Neighbours along which both operands move evenly become one axis. */
static inline void ss_batch_of(const ss_view *a, const ss_view *b, ss_batch *t)
{
    const int ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
    int64_t as = 1, bs = 1;
    t->n = 0;
    for (int i = ndim - 3; i >= 0; i--) { /* innermost first, turned around below */
        const int64_t na = ss_batch_lead(a, ndim, i), nb = ss_batch_lead(b, ndim, i),
                      n = na == 1 ? nb : na;
        if (n == 1) continue;
        const int64_t ma = na == 1 ? 0 : as, mb = nb == 1 ? 0 : bs;
        as *= na;
        bs *= nb;
        const int k = t->n - 1;
        if (k >= 0 && ma == t->a[k] * t->size[k] && mb == t->b[k] * t->size[k]) {
            t->size[k] *= n;
        } else {
            t->size[t->n] = n;
            t->a[t->n] = ma;
            t->b[t->n++] = mb;
        }
    }
    for (int i = 0; i < t->n / 2; i++) {
        const int j = t->n - 1 - i;
        int64_t s = t->size[i], x = t->a[i], y = t->b[i];
        t->size[i] = t->size[j], t->a[i] = t->a[j], t->b[i] = t->b[j];
        t->size[j] = s, t->a[j] = x, t->b[j] = y;
    }
}

/* The number of matrices before the last axis of t, which one call does. */
static inline int64_t ss_batch_outer(const ss_batch *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->n - 1; i++) n *= t->size[i];
    return n;
}

/* Outer matrix i: how many matrices into a and b it begins. */
static inline void ss_batch_at(const ss_batch *t, int64_t i, int64_t *a, int64_t *b)
{
    *a = *b = 0;
    for (int k = t->n - 2; k >= 0; k--) {
        *a += i % t->size[k] * t->a[k];
        *b += i % t->size[k] * t->b[k];
        i /= t->size[k];
    }
}
#endif
