/* cat.cu — tensors one after the other along an axis. */
#include "cuda/copy.h"

SS_TWIN(cat)
{
    const int dim = (int)c->attr[0].v[0];
    int64_t at = 0;
    for (int i = 0; i < c->nin; i++) {
        const int64_t n = c->in[i].shape[dim];
        const ss_view part = ss_cut_view(c->out[0], dim, at, n, 1);
        const ss_status s = ss_copy_view(c, g, &part, &c->in[i]);
        if (s != SS_OK) return s;
        at += n;
    }
    return SS_OK;
}
