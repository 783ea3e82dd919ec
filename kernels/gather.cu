/* gather.cu — elements picked along an axis. */
#include "cuda/check.h"
#include "cuda/index.h"

template <class S>
SS_KERNEL(pick)
(S *y, const S *x, const void *index, ss_dtype type, ss_axis from, int64_t rows)
{
    SS_EACH (i, from.outer * rows * from.inner) {
        int64_t k, row;
        const int64_t o = ss_split(ss_split(i, from.inner, &k), rows, &row);
        const int64_t j = ss_index_within(index, type, i, from.n);
        y[i] = x[(o * from.n + j) * from.inner + k];
    }
}

SS_TWIN(gather)
{
    const ss_view *x = &c->in[0], *index = &c->in[1], *y = &c->out[0];
    const ss_axis from = ss_axis_around(x, (int)c->attr[0].v[0]);
    const int64_t rows = index->shape[c->attr[0].v[0]];
    if (y->count == 0) return SS_OK;
    ss_check_index(c, g, index, from.n);
    if (from.n == 0) return ss_launched(c, g);
    SS_UNITS(ss_dtype_bytes(x->dtype), S, {
        SS_LAUNCH(g, (pick<S>), ss_grid(g, y->count), SS_BLOCK, 0, (S *)y->data, (const S *)x->data,
                  index->data, index->dtype, from, rows);
    })
    return ss_launched(c, g);
}
