/* overlap.c — see overlap.h. */
#include "overlap.h"

/* First and last byte that a view touches. */
static void span(const ss_view *v, const char **lo, const char **hi)
{
    int64_t first = 0, last = 0;
    for (int a = 0; a < v->ndim; a++) {
        const int64_t reach = (v->shape[a] - 1) * v->stride[a];
        *(reach < 0 ? &first : &last) += reach;
    }
    const int64_t size = (int64_t)ss_dtype_bytes(v->dtype);
    *lo = (const char *)v->data + first * size;
    *hi = (const char *)v->data + (last + 1) * size;
}

bool ss_overlaps(const ss_view *a, const ss_view *b)
{
    const char *alo, *ahi, *blo, *bhi;
    if (!a->data || !b->data || a->count == 0 || b->count == 0) return false;
    if (a->count == 1 && b->count == 1 && a->dtype == b->dtype) return false;
    span(a, &alo, &ahi);
    span(b, &blo, &bhi);
    if (ahi <= blo || bhi <= alo) return false;
    bool same = a->data == b->data && a->ndim == b->ndim && a->dtype == b->dtype;
    for (int i = 0; same && i < a->ndim; i++)
        same = a->shape[i] == b->shape[i] && (a->stride[i] == b->stride[i] || a->shape[i] == 1);
    return !same;
}
