/* special.h — the functions of support/vecmath.h on the device, from CUDA's own ones: within a few
 * units in the last place of f32; NaN in gives NaN out. */
#ifndef SEMISAM_CUDA_SPECIAL_H
#define SEMISAM_CUDA_SPECIAL_H
#include "cuda.h"

SS_DEVICE float ss_sigmoidf(float x)
{
    const float e = expf(-fabsf(x)), d = 1.0f / (1.0f + e);
    return x < 0 ? e * d : d;
}

/* The normal distribution: density and probability below x. */
struct ss_normal_parts {
    float density, below;
};
SS_DEVICE ss_normal_parts ss_normalf(float x)
{
    return {0.398942280f * expf(-0.5f * x * x), normcdff(x)};
}
/* x times the probability below x; 0 at -inf, where the product would be NaN. */
SS_DEVICE float ss_geluf(float x)
{
    return (x < -14.0f ? 0.0f : x) * ss_normalf(x).below;
}

/* a^b with C's special cases; common exponents are products, roots and quotients. */
SS_DEVICE float ss_powf(float a, float b)
{
    if (b == 1.0f) return a;
    if (b == 2.0f) return a * a;
    if (b == 3.0f) return a * a * a;
    if (b == -1.0f) return 1.0f / a;
    if (b == 0.5f) return a == -INFINITY ? INFINITY : sqrtf(a) + 0.0f; /* pow(-0, 1/2) = 0 */
    return powf(a, b);
}
#endif
