/* roll.cu — places of one axis shifted around. */
#include "cuda/copy.h"

SS_TWIN(roll)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    const int dim = (int)c->attr[0].v[0];
    const int64_t n = x->shape[dim];
    if (x->count == 0) return SS_OK;
    const int64_t k = (c->attr[1].v[0] % n + n) % n; /* the last k places come first */
    const ss_view tail = ss_cut_view(*x, dim, n - k, k, 1);
    const ss_view head = ss_cut_view(*x, dim, 0, n - k, 1);
    const ss_view front = ss_cut_view(*y, dim, 0, k, 1), back = ss_cut_view(*y, dim, k, n - k, 1);
    const ss_status s = ss_copy_view(c, g, &front, &tail);
    return s == SS_OK ? ss_copy_view(c, g, &back, &head) : s;
}
