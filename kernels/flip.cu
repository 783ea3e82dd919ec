/* flip.cu — axes in reverse order. */
#include "cuda/copy.h"

SS_TWIN(flip)
{
    ss_view x = c->in[0];
    unsigned seen = 0;
    for (int i = 0; i < c->attr[0].n; i++) {
        const int a = (int)c->attr[0].v[i];
        if (seen & (1u << a)) continue; /* named twice: still reversed once */
        seen |= 1u << a;
        x = ss_cut_view(x, a, x.shape[a] - 1, x.shape[a], -1);
    }
    return ss_copy_view(c, g, &c->out[0], &x);
}
