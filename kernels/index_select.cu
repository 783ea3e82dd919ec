/* index_select.cu — whole slices picked along an axis. */
#include "cuda/check.h"
#include "cuda/index.h"

/* from.inner counts units of type S. */
template <class S>
SS_KERNEL(pick_rows)
(S *y, const S *x, const void *index, ss_dtype type, ss_axis from, int64_t rows)
{
    SS_EACH (i, from.outer * rows * from.inner) {
        int64_t k, row;
        const int64_t o = ss_split(ss_split(i, from.inner, &k), rows, &row);
        const int64_t j = ss_index_within(index, type, row, from.n);
        y[i] = x[(o * from.n + j) * from.inner + k];
    }
}

SS_TWIN(index_select)
{
    const ss_view *x = &c->in[0], *index = &c->in[1], *y = &c->out[0];
    ss_axis from = ss_axis_around(x, (int)c->attr[0].v[0]);
    if (y->count == 0) {
        ss_check_index(c, g, index, from.n);
        return ss_launched(c, g);
    }
    const int64_t bytes = from.inner * (int64_t)ss_dtype_bytes(x->dtype);
    const int unit = ss_unit_of(bytes, x->data, y->data);
    ss_check_index(c, g, index, from.n);
    if (from.n == 0) return ss_launched(c, g);
    from.inner = bytes / unit;
    const int64_t n = from.outer * index->count * from.inner;
    SS_UNITS(unit, S, {
        SS_LAUNCH(g, (pick_rows<S>), ss_grid(g, n), SS_BLOCK, 0, (S *)y->data, (const S *)x->data,
                  index->data, index->dtype, from, index->count);
    })
    return ss_launched(c, g);
}
