/* rot90.cu — quarter turns in the plane of two axes. */
#include "cuda/copy.h"

SS_TWIN(rot90)
{
    const int a = (int)c->attr[0].v[0], b = (int)c->attr[1].v[0];
    const int k = (int)((c->attr[2].v[0] % 4 + 4) % 4);
    ss_view x = c->in[0];
    if (k == 2 || k == 3) x = ss_cut_view(x, a, x.shape[a] - 1, x.shape[a], -1);
    if (k == 1 || k == 2) x = ss_cut_view(x, b, x.shape[b] - 1, x.shape[b], -1);
    if (k % 2) {
        const int64_t n = x.shape[a], s = x.stride[a];
        x.shape[a] = x.shape[b], x.stride[a] = x.stride[b];
        x.shape[b] = n, x.stride[b] = s;
    }
    return ss_copy_view(c, g, &c->out[0], &x);
}
