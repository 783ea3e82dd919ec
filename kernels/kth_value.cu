/* kth_value.cu — elements of a tensor by their rank. */
#include "cuda/check.h"
#include "cuda/fill.h"
#include "cuda/ranks.h"

SS_KERNEL(begin)(ss_ranks s, const void *k, ss_dtype type)
{
    SS_EACH (i, s.searches) {
        int64_t rank;
        ss_read(&rank, k, type, i);
        s.rank[i].rank = ss_clip(rank, 0, s.count - 1);
    }
}

SS_KERNEL(finish)(ss_ranks s, float *y)
{
    SS_EACH (i, s.searches) y[i] = *s.nan ? NAN : ss_from_sortable(s.rank[i].prefix);
}

SS_TWIN(kth_value)
{
    const ss_view *x = &c->in[0], *k = &c->in[1];
    const ss_ranks s = ss_ranks_of(x, k->count, c->scratch);
    if (k->count == 0) return SS_OK;
    ss_check_range(c, g, k, "k", 0, (double)(x->count - 1));
    if (x->count == 0) return ss_fill_view(c, g, &c->out[0], NAN);
    ss_ranks_clear(g, s);
    SS_LAUNCH(g, begin, ss_grid(g, k->count), SS_BLOCK, 0, s, k->data, k->dtype);
    ss_ranks_search(g, s);
    SS_LAUNCH(g, finish, ss_grid(g, k->count), SS_BLOCK, 0, s, ss_out_ptr<float>(c, 0));
    return ss_launched(c, g);
}
