/* _softmax_dx.cu — gradient of softmax: y (dy - sum dy y). */
#include "cuda/rows.h"

template <bool B> SS_KERNEL(softmax_dx_rows)(ss_view dy, ss_view y, ss_view dx, ss_rows a)
{
    SS_EACH_ROW(B, r, a.count)
    {
        const int64_t at = ss_row_at(a, r);
        float sum = 0;
        SS_EACH_OF(B, k, a.d)
        {
            const int64_t i = at + k * a.inner;
            sum += ss_load(dy.data, dy.dtype, i) * ss_load(y.data, y.dtype, i);
        }
        sum = ss_row_sum<B>(sum);
        SS_EACH_OF(B, k, a.d)
        {
            const int64_t i = at + k * a.inner;
            const float d = ss_load(dy.data, dy.dtype, i) - sum;
            ss_store(dx.data, dx.dtype, i, ss_load(y.data, y.dtype, i) * d);
        }
    }
}

SS_TWIN(_softmax_dx)
{
    const ss_rows a = ss_rows_of(&c->in[1], (int)c->attr[0].v[0]);
    if (a.count * a.d == 0) return SS_OK;
    if (ss_rows_shared(a))
        SS_LAUNCH(g, softmax_dx_rows<true>, ss_grid(g, a.count, 1), ss_block_for(a.d), 0, c->in[0],
                  c->in[1], c->out[0], a);
    else
        SS_LAUNCH(g, softmax_dx_rows<false>, ss_grid(g, a.count), SS_BLOCK, 0, c->in[0], c->in[1],
                  c->out[0], a);
    return ss_launched(c, g);
}
