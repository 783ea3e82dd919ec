/* cross_entropy.cu — mean of -log softmax(logits)[target] over the positions that count. */
#include "cuda/check.h"
#include "cuda/class_rows.h"
#include "cuda/parts.h"

enum { LOGITS, TARGET, WEIGHT };

template <bool B>
SS_KERNEL(entropy_sums)
(ss_view x, ss_rows a, ss_view target, const float *weight, int64_t ignore, double *part)
{
    double loss = 0, total = 0;
    SS_EACH_ROW(B, r, a.count)
    {
        const int64_t k = ss_class_at(target, r, ignore, a.d);
        const ss_peak p = ss_row_peak<B>(x.data, x.dtype, r * a.d, a.d, 1);
        if (k == SS_CLASS_NONE || (B && threadIdx.x)) continue;
        const float w = k < 0 ? NAN : weight ? weight[k] : 1;
        const float v = k < 0 ? NAN : ss_load(x.data, x.dtype, r * a.d + k);
        loss += (double)(w * (p.max + logf(p.sum) - v));
        total += (double)w;
    }
    loss = ss_block_sum(loss);
    total = ss_block_sum(total);
    if (threadIdx.x == 0) part[2 * blockIdx.x] = loss, part[2 * blockIdx.x + 1] = total;
}

SS_TWIN(cross_entropy)
{
    const ss_view *x = &c->in[LOGITS];
    ss_rows a = ss_rows_of(x, x->ndim - 1);
    const float *weight = c->in[WEIGHT].present ? ss_in_ptr<float>(c, WEIGHT) : nullptr;
    const int64_t ignore = c->attr[0].v[0];
    if (a.d == 0) a.count = 0; /* no class: nothing counts */
    const bool shared = ss_rows_shared(a);
    const int64_t parts = ss_parts_of(a.count * SS_PER_PART / (shared ? 1 : SS_BLOCK));
    double *part = (double *)c->scratch;
    if (a.d) ss_check_labels(c, g, &c->in[TARGET], "target", a.d, ignore);
    if (shared)
        SS_LAUNCH(g, entropy_sums<true>, (unsigned)parts, ss_block_for(a.d), 0, *x, a,
                  c->in[TARGET], weight, ignore, part);
    else
        SS_LAUNCH(g, entropy_sums<false>, (unsigned)parts, SS_BLOCK, 0, *x, a, c->in[TARGET],
                  weight, ignore, part);
    SS_LAUNCH(g, ss_join_mean, 1, SS_BLOCK, 0, part, parts, ss_out_ptr<float>(c, 0),
              ss_out_ptr<float>(c, 1));
    return ss_launched(c, g);
}
