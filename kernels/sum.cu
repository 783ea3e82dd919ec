/* sum.cu — sum over axes. */
#include "cuda/sums.h"

SS_TWIN(sum)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    if (ss_is_float(x->dtype)) return ss_fold_add(c, g, y, x, &c->attr[0], 1);
    const ss_fold_sum_int how = {y->data, y->dtype};
    return ss_fold_run(c, g, x, &c->attr[0], how, c->scratch);
}
