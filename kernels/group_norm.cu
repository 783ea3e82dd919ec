/* group_norm.cu — per sample over all positions and the channels of a group. */
#include "cuda/norm.h"

enum { RESIDUAL = 3 };
enum { GROUPS, EPS, SLOPE };

SS_TWIN(group_norm)
{
    const ss_view *x = &c->in[0];
    return ss_norm_run(c, g, 1, x->shape[x->ndim - 1] / c->attr[GROUPS].v[0], c->attr[EPS].num,
                       c->in[RESIDUAL], (float)c->attr[SLOPE].num);
}
