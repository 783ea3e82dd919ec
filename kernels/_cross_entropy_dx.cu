/* _cross_entropy_dx.cu — gradient of cross_entropy: dy weight[t] / total (softmax - onehot). */
#include "cuda/class_rows.h"

enum { LOGITS, TARGET, DY, TOTAL, WEIGHT };

template <bool B>
SS_KERNEL(entropy_dx)
(ss_view x, ss_rows a, ss_view target, const float *dy, const float *total, const float *weight,
 int64_t ignore, ss_view dx)
{
    const float scale = *total != 0 ? *dy / *total : 0;
    SS_EACH_ROW(B, r, a.count)
    {
        const int64_t t = ss_class_at(target, r, ignore, a.d);
        const ss_peak p = ss_row_peak<B>(x.data, x.dtype, r * a.d, a.d, 1);
        const float w = t < 0 ? 0 : scale * (weight ? weight[t] : 1), f = w / p.sum;
        SS_EACH_OF(B, k, a.d)
        {
            const int64_t i = r * a.d + k;
            const float e = f * expf(ss_load(x.data, x.dtype, i) - p.max);
            ss_store(dx.data, dx.dtype, i, t < 0 ? 0 : e - (k == t ? w : 0));
        }
    }
}

SS_TWIN(_cross_entropy_dx)
{
    const ss_view *x = &c->in[LOGITS];
    const ss_rows a = ss_rows_of(x, x->ndim - 1);
    const float *weight = c->in[WEIGHT].present ? ss_in_ptr<float>(c, WEIGHT) : nullptr;
    const float *dy = ss_in_ptr<float>(c, DY), *total = ss_in_ptr<float>(c, TOTAL);
    const int64_t ignore = c->attr[0].v[0];
    if (x->count == 0) return SS_OK;
    if (ss_rows_shared(a))
        SS_LAUNCH(g, entropy_dx<true>, ss_grid(g, a.count, 1), ss_block_for(a.d), 0, *x, a,
                  c->in[TARGET], dy, total, weight, ignore, c->out[0]);
    else
        SS_LAUNCH(g, entropy_dx<false>, ss_grid(g, a.count), SS_BLOCK, 0, *x, a, c->in[TARGET], dy,
                  total, weight, ignore, c->out[0]);
    return ss_launched(c, g);
}
