/* mean.cu — mean over axes. */
#include "cuda/fill.h"
#include "cuda/sums.h"

SS_TWIN(mean)
{
    const int64_t n = ss_fold_count(&c->in[0], &c->attr[0]);
    if (n == 0) return ss_fill_view(c, g, &c->out[0], NAN);
    return ss_fold_add(c, g, &c->out[0], &c->in[0], &c->attr[0], 1.0 / (double)n);
}
