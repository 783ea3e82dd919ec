/* percentile.cu — exact percentiles with linear interpolation. */
#include "cuda/check.h"
#include "cuda/fill.h"
#include "cuda/ranks.h"

/* Between which two neighbours percentile q lies, and how far from the lower one. */
SS_DEVICE int64_t neighbour(float q, int64_t n, double *part)
{
    const double at = (double)q / 100 * (double)(n - 1);
    const int64_t k = ss_clip((int64_t)at, 0, n - 1);
    *part = at - (double)k;
    return k;
}

SS_KERNEL(begin)(ss_ranks s, const float *q)
{
    SS_EACH (i, s.searches) {
        double part;
        const int64_t k = neighbour(q[i / 2], s.count, &part) + i % 2;
        s.rank[i].rank = ss_clip(k, 0, s.count - 1);
    }
}

SS_KERNEL(finish)(ss_ranks s, const float *q, float *y)
{
    SS_EACH (i, s.searches / 2) {
        double part;
        neighbour(q[i], s.count, &part);
        const float lo = ss_from_sortable(s.rank[2 * i].prefix);
        const float hi = ss_from_sortable(s.rank[2 * i + 1].prefix);
        const bool one = part <= 0 || lo == hi;
        y[i] = *s.nan ? NAN : one ? lo : (float)((double)lo + ((double)hi - (double)lo) * part);
    }
}

SS_TWIN(percentile)
{
    const ss_view *x = &c->in[0], *q = &c->in[1];
    const ss_ranks s = ss_ranks_of(x, 2 * q->count, c->scratch);
    if (q->count == 0) return SS_OK;
    ss_check_range(c, g, q, "q", 0, 100);
    if (x->count == 0) return ss_fill_view(c, g, &c->out[0], NAN);
    ss_ranks_clear(g, s);
    SS_LAUNCH(g, begin, ss_grid(g, s.searches), SS_BLOCK, 0, s, ss_in_ptr<float>(c, 1));
    ss_ranks_search(g, s);
    SS_LAUNCH(g, finish, ss_grid(g, q->count), SS_BLOCK, 0, s, ss_in_ptr<float>(c, 1),
              ss_out_ptr<float>(c, 0));
    return ss_launched(c, g);
}
