/* vecmath.h — elementary functions as straight-line code, so that loops over them vectorise.
 *
 * Within about 2 units in the last place of f32 unless a function says otherwise; NaN in gives
 * NaN out. No table, no branch, no call. The polynomials interpolate the function at Chebyshev
 * nodes in 60-digit arithmetic; plain series coefficients are written as fractions. Splitting of
 * arguments into a power of two and a remainder after Cody and Waite, "Software Manual for the
 * Elementary Functions" (1980). */
#ifndef SEMISAM_VECMATH_H
#define SEMISAM_VECMATH_H
#include <math.h>
#include <stdint.h>
#include <string.h>

#define SS_LOG2E 1.44269504088896341
#define SS_LN2_HI 0.693145751953125 /* 15 bits: products with exponents are exact in f32 */
#define SS_LN2_LO 1.42860682030941723e-6

/* a * b + c: one rounding where the processor has the instruction, two elsewhere. */
#ifdef __FMA__
#define SS_MADF(a, b, c) __builtin_fmaf(a, b, c)
#define SS_MAD(a, b, c) __builtin_fma(a, b, c)
#else
#define SS_MADF(a, b, c) ((a) * (b) + (c))
#define SS_MAD(a, b, c) ((a) * (b) + (c))
#endif

static inline float ss_bits_f32(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}
static inline uint32_t ss_f32_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}
static inline double ss_bits_f64(uint64_t u)
{
    double f;
    memcpy(&f, &u, 8);
    return f;
}
static inline uint64_t ss_f64_bits(double f)
{
    uint64_t u;
    memcpy(&u, &f, 8);
    return u;
}

/* x = n ln 2 + r. Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits. */
typedef struct {
    float r;
    int32_t n;
} ss_exp_parts;

static inline ss_exp_parts ss_exp_split(float x)
{
    const float magic = 12582912.0f, t = SS_MADF(x, (float)SS_LOG2E, magic), n = t - magic;
    const float r = SS_MADF(n, (float)-SS_LN2_HI, x);
    return (ss_exp_parts){SS_MADF(n, (float)-SS_LN2_LO, r),
                          (int32_t)(ss_f32_bits(t) - 0x4b400000u)};
}

/* e^r - 1 for |r| <= ln 2 / 2. */
static inline float ss_expm1_core(float r)
{
    float q = 1.392617612e-3f;
    q = SS_MADF(q, r, 8.363173075e-3f);
    q = SS_MADF(q, r, 4.166655466e-2f);
    q = SS_MADF(q, r, 1.666657703e-1f);
    q = SS_MADF(q, r, 5.0e-1f);
    return SS_MADF(r * r, q, r);
}

static inline float ss_expf(float x)
{
    x = x < -104.0f ? -104.0f : x; /* the result is 0 below, infinite above */
    x = x > 89.0f ? 89.0f : x;
    const ss_exp_parts p = ss_exp_split(x);
    /* 2^n in two factors: neither over- nor underflows */
    const int32_t half = p.n >> 1;
    const float a = ss_bits_f32((uint32_t)(half + 127) << 23);
    const float b = ss_bits_f32((uint32_t)(p.n - half + 127) << 23);
    const float e = ss_expm1_core(p.r);
    return SS_MADF(a, e, a) * b;
}

/* e^x for x <= 0; below -87 the result is 0 instead of a subnormal number. */
static inline float ss_exp_negf(float x)
{
    const ss_exp_parts p = ss_exp_split(x < -87.0f ? -87.0f : x);
    const float a = ss_bits_f32((uint32_t)(p.n + 127) << 23), e = ss_expm1_core(p.r);
    return x < -87.0f ? 0.0f : SS_MADF(a, e, a);
}

static inline float ss_tanhf(float x)
{
    float y = 2.0f * fabsf(x);
    y = y > 20.0f ? 20.0f : y;
    const ss_exp_parts p = ss_exp_split(y);
    const float s = ss_bits_f32((uint32_t)(p.n + 127) << 23);
    const float m = SS_MADF(s, ss_expm1_core(p.r), s - 1.0f); /* e^y - 1 */
    return copysignf(m / (m + 2.0f), x);
}

static inline float ss_sigmoidf(float x)
{
    const float e = ss_exp_negf(-fabsf(x)), d = 1.0f / (1.0f + e);
    return x < 0 ? e * d : d;
}

/* Natural logarithm; -inf at 0, NaN below. */
static inline float ss_logf(float x)
{
    const float tiny = 1.17549435e-38f;
    const int small = x < tiny;
    const float v = small ? x * 8388608.0f : x;
    const uint32_t u = ss_f32_bits(v) - 0x3f3504f3u; /* exponent of v / sqrt(1/2) */
    const int32_t e = (int32_t)u >> 23;
    const float f = ss_bits_f32((u & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    const float n = (float)(small ? e - 23 : e);
    float q = 6.971611471e-2f;
    q = SS_MADF(q, f, -1.147973385e-1f);
    q = SS_MADF(q, f, 1.168541992e-1f);
    q = SS_MADF(q, f, -1.242568733e-1f);
    q = SS_MADF(q, f, 1.424905765e-1f);
    q = SS_MADF(q, f, -1.666780232e-1f);
    q = SS_MADF(q, f, 2.000071575e-1f);
    q = SS_MADF(q, f, -2.499999696e-1f);
    q = SS_MADF(q, f, 3.333333118e-1f);
    const float f2 = f * f;
    float y = SS_MADF(f * f2, q, n * (float)SS_LN2_LO);
    y = SS_MADF(n, (float)SS_LN2_HI, SS_MADF(-0.5f, f2, y) + f);
    y = x > 3.402823466e38f || x != x ? x : y;
    y = x < 0 ? NAN : y;
    return x == 0 ? -INFINITY : y;
}

/* The normal distribution: density and probability below x. Relative error below 3e-7 for
 * |x| < 2, growing like x^2 * 6e-8 where both go to 0. The tail is t P(t) exp(-z^2) with
 * z = |x| / sqrt 2 and t = 1 / (1 + 0.35 z). */
typedef struct {
    float density, below;
} ss_normal_parts;

static inline ss_normal_parts ss_normalf(float x)
{
    const float z = fabsf(x) * 0.707106781f, t = 1.0f / SS_MADF(0.35f, z, 1.0f);
    const float e = ss_exp_negf(-0.5f * x * x);
    float q = 3.716416573e-2f;
    q = SS_MADF(q, t, -1.524194801e-1f);
    q = SS_MADF(q, t, 1.666921223e-1f);
    q = SS_MADF(q, t, -8.789841682e-3f);
    q = SS_MADF(q, t, 7.199129780e-2f);
    q = SS_MADF(q, t, 1.536994233e-1f);
    q = SS_MADF(q, t, 1.486907905e-1f);
    q = SS_MADF(q, t, 1.884025751e-1f);
    q = SS_MADF(q, t, 1.970825364e-1f);
    q = SS_MADF(q, t, 1.974864155e-1f);
    const float tail = 0.5f * t * q * e;
    return (ss_normal_parts){0.398942280f * e, x < 0 ? tail : 1.0f - tail};
}

/* x times the probability below x; 0 at -inf, where the product would be NaN. */
static inline float ss_geluf(float x)
{
    return (x < -14.0f ? 0.0f : x) * ss_normalf(x).below;
}

/* sin(x + k pi/2) for |x| < 10^6, computed in f64. */
static inline float ss_sin_quarterf(float x, int64_t k)
{
    const double magic = 6755399441055744.0, v = (double)x; /* 1.5 * 2^52 */
    const double t = SS_MAD(v, 0.636619772367581343, magic), n = t - magic;
    /* pi/2 in two parts, the first of 33 bits */
    const double r = SS_MAD(n, -6.07710050650619225e-11, SS_MAD(n, -1.57079632673412561, v)),
                 z = r * r;
    const uint64_t q = ss_f64_bits(t) + (uint64_t)k;
    double s = -1.0 / 39916800;
    s = SS_MAD(s, z, 1.0 / 362880);
    s = SS_MAD(s, z, -1.0 / 5040);
    s = SS_MAD(s, z, 1.0 / 120);
    s = SS_MAD(s, z, -1.0 / 6);
    s = SS_MAD(r * z, s, r);
    double c = -1.0 / 3628800;
    c = SS_MAD(c, z, 1.0 / 40320);
    c = SS_MAD(c, z, -1.0 / 720);
    c = SS_MAD(c, z, 1.0 / 24);
    c = SS_MAD(c, z, -0.5);
    c = SS_MAD(z, c, 1.0);
    const double y = q & 1 ? c : s;
    return (float)(q & 2 ? -y : y);
}

/* log |x| for finite x other than 0, within 1e-13. */
static inline double ss_log_abs(double x)
{
    const uint64_t root = 0x3fe6a09e667f3bcdu; /* sqrt(1/2) */
    const uint64_t u = (ss_f64_bits(x) & 0x7fffffffffffffffu) - root + (1024ull << 52);
    /* the biased exponent as a double, by putting it under that of 2^52 */
    const double n = ss_bits_f64((u >> 52) | 0x4330000000000000u) - (4503599627370496.0 + 1024.0);
    const double f = ss_bits_f64((u & 0x000fffffffffffffu) + root) - 1.0;
    const double s = f / (2.0 + f), z = s * s;
    double q = 2.0 / 15;
    q = SS_MAD(q, z, 2.0 / 13);
    q = SS_MAD(q, z, 2.0 / 11);
    q = SS_MAD(q, z, 2.0 / 9);
    q = SS_MAD(q, z, 2.0 / 7);
    q = SS_MAD(q, z, 2.0 / 5);
    q = SS_MAD(q, z, 2.0 / 3);
    return SS_MAD(n, 0.693147180559945309, SS_MAD(s * z, q, 2.0 * s));
}

/* e^x, relative error 1e-11, for |x| that f32 can hold the result of; 0 and inf outside. */
static inline double ss_exp_wide(double x)
{
    x = x < -200.0 ? -200.0 : x;
    x = x > 200.0 ? 200.0 : x;
    const double magic = 6755399441055744.0, t = SS_MAD(x, SS_LOG2E, magic), n = t - magic;
    const double r = SS_MAD(n, -1.90821492927058770e-10, SS_MAD(n, -0.693147180369123816, x));
    double q = 1.0 / 362880;
    q = SS_MAD(q, r, 1.0 / 40320);
    q = SS_MAD(q, r, 1.0 / 5040);
    q = SS_MAD(q, r, 1.0 / 720);
    q = SS_MAD(q, r, 1.0 / 120);
    q = SS_MAD(q, r, 1.0 / 24);
    q = SS_MAD(q, r, 1.0 / 6);
    q = SS_MAD(q, r, 0.5);
    q = 1.0 + SS_MAD(r * r, q, r);
    return q * ss_bits_f64((ss_f64_bits(t) + 1023u) << 52);
}

/* x^y for finite x other than 0 and finite y. */
static inline float ss_pow_finitef(float x, float y)
{
    const double b = (double)y;
    const float m = (float)ss_exp_wide(b * ss_log_abs((double)x));
    const double magic = 6755399441055744.0;
    const double whole = fabs(b) < 4.5e15 ? (b + magic) - magic : b;
    const double half = fabs(b) < 4.5e15 ? (0.5 * b + magic) - magic : 0.5 * b;
    const float sign = 0.5 * b != half ? -1.0f : 1.0f; /* odd */
    return x > 0 ? m : b != whole ? NAN : sign * m;
}
#endif
