/* stack.cu — tensors of one shape along a new axis. */
#include "cuda/copy.h"
#include "support/shape.h"

SS_TWIN(stack)
{
    const ss_view *y = &c->out[0];
    const int dim = (int)ss_place(c->attr[0].v[0], y->ndim);
    for (int i = 0; i < c->nin; i++) {
        ss_view part = ss_cut_view(*y, dim, i, 1, 1);
        for (int a = dim; a + 1 < y->ndim; a++) {
            part.shape[a] = y->shape[a + 1];
            part.stride[a] = y->stride[a + 1];
        }
        part.ndim--;
        const ss_status s = ss_copy_view(c, g, &part, &c->in[i]);
        if (s != SS_OK) return s;
    }
    return SS_OK;
}
