/* _bias_db.cu — gradient of a bias: the sum over all axes but the last. */
#include "cuda/sums.h"

SS_TWIN(_bias_db)
{
    const ss_attr dims = ss_leading_axes(&c->in[0]);
    return ss_fold_add(c, g, &c->out[0], &c->in[0], &dims, 1);
}
