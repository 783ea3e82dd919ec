/* gaussian_blur.cu — separable Gaussian over the three spatial axes: a thread an element, whose
 * neighbours along the axis lie in the cache. */
#include "cuda/cuda.h"
#include "support/blur.h"
#include "support/image.h"

/* Blurs the middle axis of [outer, n, inner]; sums in the order of the CPU. */
SS_KERNEL(blur_axis)
(const float *x, float *y, int64_t count, int64_t n, int64_t inner, ss_blur blur)
{
    SS_EACH (e, count) {
        const int64_t k = e % inner, i = e / inner % n;
        const float *line = x + (e - k - i * inner) + k;
        float sum = blur.weight[0] * line[i * inner];
        for (int j = 1; j <= blur.radius; j++) {
            const float a = line[ss_blur_mirror(i - j, n) * inner];
            const float b = line[ss_blur_mirror(i + j, n) * inner];
            sum = sum + ss_prodf(blur.weight[j], a + b);
        }
        y[e] = sum;
    }
}

SS_TWIN(gaussian_blur)
{
    ss_images m;
    const ss_status s = ss_images_of(c, 0, &m);
    const int64_t count = c->out[0].count;
    const float *x = ss_in_ptr<float>(c, 0);
    float *y = ss_out_ptr<float>(c, 0), *other = (float *)c->scratch;
    if (s || count == 0) return s;
    int64_t inner = m.c;
    for (int a = 2; a >= 0; inner *= m.size[a--]) {
        const ss_blur blur = ss_blur_of(ss_blur_sigma(c, a));
        if (blur.radius == 0) continue;
        float *out = x == y ? other : y;
        SS_LAUNCH(g, blur_axis, ss_grid(g, count), SS_BLOCK, 0, x, out, count, m.size[a], inner,
                  blur);
        x = out;
    }
    if (x != y)
        cudaMemcpyAsync(y, x, (size_t)count * sizeof(float), cudaMemcpyDeviceToDevice, g->stream);
    return ss_launched(c, g);
}
