/* vmath.h — exp and log that compilers can vectorise inside plain loops.
 *
 * Within 2 units in the last place over the whole range; NaN stays NaN, exp overflows to infinity
 * and underflows through subnormals to 0. Range reduction with a split ln 2, then a polynomial:
 * W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980, chapters 5 and 6. */
#ifndef SEMISAM_VMATH_H
#define SEMISAM_VMATH_H
#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float ss_float_bits(int32_t i)
{
    float f;
    memcpy(&f, &i, 4);
    return f;
}
static inline int32_t ss_bits_of(float f)
{
    int32_t i;
    memcpy(&i, &f, 4);
    return i;
}

static inline float ss_expf(float x)
{
    const float round = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    float z = x * 1.44269504f + round;
    int32_t n = ss_bits_of(z) - ss_bits_of(round);
    float k = z - round, r = x - k * 0.693359375f;
    r = r + k * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    int32_t half = n >> 1; /* two factors, so that 2^128 and subnormal results come out right */
    return p * ss_float_bits((half + 127) << 23) * ss_float_bits((n - half + 127) << 23);
}

/* Natural logarithm of normal positive numbers. */
static inline float ss_logf(float x)
{
    int32_t i = ss_bits_of(x) - 0x3f3504f3; /* bits of sqrt(1/2) */
    float e = (float)(i >> 23), m = ss_float_bits((i & 0x7fffff) + 0x3f3504f3);
    float f = m - 1.0f, f2 = f * f;
    float p = 7.0376836292e-2f;
    p = p * f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    float y = p * f * f2 - e * 2.12194440e-4f - 0.5f * f2;
    y = f + y + e * 0.693359375f;
    return x == x ? y : x;
}

/* log(1 + t) for 0 <= t <= 1. */
static inline float ss_log1pf(float t)
{
    float u = 1.0f + t;
    return ss_logf(u) + (t - (u - 1.0f)) / u;
}
#endif
