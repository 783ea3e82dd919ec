/* log_softmax.cu — x - log sum exp(x) along one axis; the largest is taken off first. */
#include "cuda/rows.h"

template <bool B> SS_KERNEL(log_softmax_rows)(ss_view x, ss_view y, ss_rows a)
{
    SS_EACH_ROW(B, r, a.count)
    {
        const int64_t at = ss_row_at(a, r);
        const ss_peak p = ss_row_peak<B>(x.data, x.dtype, at, a.d, a.inner);
        const float log_sum = logf(p.sum);
        SS_EACH_OF(B, k, a.d)
        {
            const int64_t i = at + k * a.inner;
            ss_store(y.data, y.dtype, i, ss_load(x.data, x.dtype, i) - p.max - log_sum);
        }
    }
}

SS_TWIN(log_softmax)
{
    const ss_rows a = ss_rows_of(&c->in[0], (int)c->attr[0].v[0]);
    if (a.count * a.d == 0) return SS_OK;
    if (ss_rows_shared(a))
        SS_LAUNCH(g, log_softmax_rows<true>, ss_grid(g, a.count, 1), ss_block_for(a.d), 0, c->in[0],
                  c->out[0], a);
    else
        SS_LAUNCH(g, log_softmax_rows<false>, ss_grid(g, a.count), SS_BLOCK, 0, c->in[0], c->out[0],
                  a);
    return ss_launched(c, g);
}
