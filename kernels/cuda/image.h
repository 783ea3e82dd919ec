/* image.h — augmentations that give each element of an image its own function. */
#ifndef SEMISAM_CUDA_IMAGE_H
#define SEMISAM_CUDA_IMAGE_H
#include "cuda.h"
#include "support/image.h"

/* Where a voxel lies. */
struct ss_place {
    int64_t at[3]; /* z, y, x */
};
SS_DEVICE ss_place ss_place_of(const ss_images &m, int64_t voxel)
{
    const int64_t row = voxel / m.size[2];
    ss_place p;
    p.at[2] = voxel - row * m.size[2];
    p.at[1] = row % m.size[1];
    p.at[0] = row / m.size[1] % m.size[0];
    return p;
}

/* y[i] = f.at(x[i], place of i); F::placed says whether f looks at the place. */
template <class F>
SS_KERNEL(ss_image_kernel)
(F f, ss_images m, const float *x, float *y, int64_t count)
{
    SS_EACH (i, count) {
        ss_place p = {};
        if (F::placed) p = ss_place_of(m, i / m.c);
        y[i] = f.at(x[i], p);
    }
}
template <class F> static inline ss_status ss_image_run(ss_call *c, ss_gpu *g, F f)
{
    ss_images m;
    const ss_status s = ss_images_of(c, 0, &m);
    if (s) return s;
    const int64_t count = c->out[0].count;
    if (count)
        SS_LAUNCH(g, ss_image_kernel<F>, ss_grid(g, count), SS_BLOCK, 0, f, m,
                  ss_in_ptr<float>(c, 0), ss_out_ptr<float>(c, 0), count);
    return ss_launched(c, g);
}
#endif
