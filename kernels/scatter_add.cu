/* scatter_add.cu — elements added at indexed places along an axis. */
#include "cuda/check.h"
#include "cuda/copy.h"
#include "cuda/scatter.h"

SS_TWIN(scatter_add)
{
    const ss_view *y = &c->out[0], *index = &c->in[1], *src = &c->in[2];
    const int dim = (int)c->attr[0].v[0];
    const ss_status s = ss_copy_view(c, g, y, &c->in[0]);
    ss_check_index(c, g, index, y->shape[dim]);
    if (s != SS_OK) return s;
    return ss_is_float(y->dtype) ? ss_scatter_add<float>(c, g, y, index, src, dim, false)
                                 : ss_scatter_add<int64_t>(c, g, y, index, src, dim, false);
}
