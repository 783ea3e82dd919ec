/* _slice_dx.cu — zeros with dy at places start, start + step, ... of one axis. */
#include "cuda/copy.h"
#include "cuda/fill.h"

SS_TWIN(_slice_dx)
{
    const ss_view *dy = &c->in[0], *dx = &c->out[0];
    const int dim = (int)c->attr[1].v[0];
    const ss_view part = ss_cut_view(*dx, dim, c->attr[2].v[0], dy->shape[dim], c->attr[3].v[0]);
    const ss_status s = dy->count == dx->count ? SS_OK : ss_fill_view(c, g, dx, 0);
    return s == SS_OK ? ss_copy_view(c, g, &part, dy) : s;
}
