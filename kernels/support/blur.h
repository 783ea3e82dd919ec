/* blur.h — the weights of gaussian_blur and its border, for the CPU and the CUDA device. */
#ifndef SEMISAM_BLUR_H
#define SEMISAM_BLUR_H
#include "../op.h"
#include "both.h"

enum { SS_BLUR_MOST = 64 }; /* largest radius */

/* Half of a normalised kernel, weight[0] in the middle. */
typedef struct ss_blur {
    int radius;
    float weight[SS_BLUR_MOST + 1];
} ss_blur;

/* Deviation along axis a: y and x take z's unless given. */
static inline double ss_blur_sigma(const ss_call *c, int a)
{
    return c->attr[a].n < 0 ? c->attr[0].num : c->attr[a].num;
}

static inline ss_blur ss_blur_of(double sigma)
{
    ss_blur b;
    double sum = 1, w[SS_BLUR_MOST + 1] = {1};
    b.radius = (int)(4 * sigma + 0.5);
    for (int i = 1; i <= b.radius; i++) {
        w[i] = exp(-0.5 * i * i / (sigma * sigma));
        sum += 2 * w[i];
    }
    for (int i = 0; i <= b.radius; i++) b.weight[i] = (float)(w[i] / sum);
    return b;
}

/* Index i mirrored at the outer faces of the first and last voxel: c b a | a b c | c b a. */
SS_BOTH int64_t ss_blur_mirror(int64_t i, int64_t n)
{
    const int64_t period = 2 * n;
    if (i >= 0 && i < n) return i;
    i %= period;
    if (i < 0) i += period;
    return i < n ? i : period - 1 - i;
}
#endif
