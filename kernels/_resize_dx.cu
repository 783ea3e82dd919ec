/* _resize_dx.cu — gradient of resize: every input position gathers from the outputs that read it,
 * a block per row. */
#include "cuda/resize.h"

/* What outputs [lo, hi) of dy's row that starts at `at` owe to position i, channel j. */
SS_DEVICE float gather_row(const ss_view &dy, const ss_resize_plan &p, int64_t at, int64_t i,
                           int64_t j)
{
    const ss_taps &w = p.a[2];
    float sum = 0;
    for (int64_t o = w.lo[i]; o < w.hi[i]; o++) {
        const float f = ss_taps_share(&w, o, i);
        if (f == 0 && !p.taps) continue;
        sum += f * ss_load(dy.data, dy.dtype, at + o * p.c + j);
    }
    return sum;
}

SS_KERNEL(gather_rows)(ss_view dy, ss_view dx, ss_resize_plan p, int64_t rows)
{
    const ss_taps &d = p.a[0], &h = p.a[1], &w = p.a[2];
    const int64_t size[3] = {1, d.in, h.in};
    for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
        int64_t at[3];
        const int64_t n = ss_place(r, size, at), id = at[1], ih = at[2];
        for (int64_t e = threadIdx.x; e < w.in * p.c; e += blockDim.x) {
            int64_t j;
            const int64_t i = ss_split(e, p.c, &j);
            float sum = 0;
            for (int64_t od = d.lo[id]; od < d.hi[id]; od++)
                for (int64_t oh = h.lo[ih]; oh < h.hi[ih]; oh++) {
                    const float f = ss_taps_share(&d, od, id) * ss_taps_share(&h, oh, ih);
                    const int64_t row = (n * d.out + od) * h.out + oh;
                    if (f == 0 && !p.taps) continue;
                    sum += f * gather_row(dy, p, row * w.out * p.c, i, j);
                }
            ss_store(dx.data, dx.dtype, r * w.in * p.c + e, sum);
        }
    }
}

SS_TWIN(_resize_dx)
{
    const ss_view *dy = &c->in[0], *dx = &c->out[0];
    if (dx->count == 0) return SS_OK;
    const ss_resize_plan p = ss_resize_tables_on(c, g, dx, dy, true);
    const int64_t rows = p.n * p.a[0].in * p.a[1].in;
    SS_LAUNCH(g, gather_rows, ss_grid(g, rows, 1), ss_block_for(p.a[2].in * p.c), 0, *dy, *dx, p,
              rows);
    return ss_launched(c, g);
}
