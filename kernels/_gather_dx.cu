/* _gather_dx.cu — gradient of gather: dy added up at the places it was read from. */
#include "cuda/check.h"
#include "cuda/fill.h"
#include "cuda/scatter.h"

SS_TWIN(_gather_dx)
{
    const int dim = (int)c->attr[1].v[0];
    const ss_status s = ss_fill_view(c, g, &c->out[0], 0);
    ss_check_index(c, g, &c->in[1], c->out[0].shape[dim]);
    if (s != SS_OK) return s;
    return ss_scatter_add<float>(c, g, &c->out[0], &c->in[1], &c->in[0], dim, false);
}
