/* draw.h — kernels that turn the blocks of a key's generator into elements, four at a time. */
#ifndef SEMISAM_CUDA_DRAW_H
#define SEMISAM_CUDA_DRAW_H
#include "cuda.h"
#include "support/philox.h"

/* F::four(f, key, block, v) fills v[0..4) with what becomes of words 4 block .. 4 block + 3; and
 * F::put(f, x, v) is the result at an element, x being the input there (0 without one). */
template <class F> SS_KERNEL(ss_draw_kernel)(F f, uint64_t key, const float *x, float *y, int64_t n)
{
    SS_EACH (b, (n + 3) / 4) {
        float v[4];
        f.four(key, (uint64_t)b, v);
        for (int k = 0; k < 4; k++)
            if (4 * b + k < n) y[4 * b + k] = f.put(x ? x[4 * b + k] : 0.0f, v[k]);
    }
}
template <class F>
static inline ss_status ss_draw(ss_call *c, ss_gpu *g, F f, int64_t key, const float *x)
{
    const int64_t n = c->out[0].count;
    if (n)
        SS_LAUNCH(g, ss_draw_kernel<F>, ss_grid(g, (n + 3) / 4), SS_BLOCK, 0, f, (uint64_t)key, x,
                  ss_out_ptr<float>(c, 0), n);
    return ss_launched(c, g);
}
#endif
