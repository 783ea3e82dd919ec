/* index.h — moving elements to and from places named by an index tensor (0-based). */
#ifndef SEMISAM_INDEX_H
#define SEMISAM_INDEX_H
#include "strided.h"

/* A contiguous tensor seen as [outer, n, inner] around one axis. */
typedef struct ss_axis {
    int64_t outer, n, inner;
} ss_axis;
ss_axis ss_axis_of(const ss_view *x, int axis);

/* Every entry of a contiguous integer tensor lies in 0..n-1, else a sentence naming it. */
ss_status ss_check_index(ss_call *c, const ss_view *index, int64_t n);
int64_t ss_index_at(const ss_view *index, int64_t i);

/* Shape of a with axis `axis` of size n equals b's. */
bool ss_same_but(const ss_view *a, int axis, int64_t n, const ss_view *b);

/* y[o, index[i], k] += src[o, i, k], in this order for every place. With `rows` index has one
 * entry per i, otherwise src's shape. All contiguous, y and src of one type, indices checked. */
void ss_scatter_add(const ss_view *y, const ss_view *index, const ss_view *src, int axis,
                    bool rows);
#endif
