/* _pad_dx.cu — gradient of pad by edge or reflect: dy added up at the places it was read from. */
#include "cuda/index.h"
#include "cuda/pads.h"

/* Each place of dx adds up the places of dy that show it, in their order. */
SS_KERNEL(gather_pads)(ss_pads p, ss_view dy, ss_view dx)
{
    SS_EACH (i, dx.count) {
        int64_t left = i, at[SS_MAX_DIM], shown = 1;
        for (int a = p.nd - 1; a >= 0; a--) {
            left = ss_split(left, p.have[a], &at[a]);
            shown *= ss_pad_shows(p, a, at[a]);
        }
        float sum = 0;
        for (int64_t q = 0; q < shown; q++) {
            int64_t rest = q, from = 0, step = 1;
            for (int a = p.nd - 1; a >= 0; a--) {
                int64_t which;
                rest = ss_split(rest, ss_pad_shows(p, a, at[a]), &which);
                from += ss_pad_shown(p, a, at[a], which) * step;
                step *= p.padded[a];
            }
            sum += ss_load(dy.data, dy.dtype, from);
        }
        ss_store(dx.data, dx.dtype, i, sum);
    }
}

SS_TWIN(_pad_dx)
{
    const ss_view *dy = &c->in[0], *dx = &c->out[0];
    const ss_pads p = ss_pads_of(&c->attr[1], dx, dy, (ss_pad_mode)c->attr[2].v[0]);
    if (dx->count) SS_LAUNCH(g, gather_pads, ss_grid(g, dx->count), SS_BLOCK, 0, p, *dy, *dx);
    return ss_launched(c, g);
}
