/* philox.h — random numbers that are counted, not consumed: Philox4x32-10 (Salmon, Moraes, Dror,
 * Shaw: Parallel random numbers: as easy as 1, 2, 3. SC 2011).
 *
 * Element i of a random tensor is lane i % 4 of block i / 4 under the tensor's key, so it depends
 * on (key, i) alone: not on threads, not on what was drawn before, not on the processor. */
#ifndef SEMISAM_PHILOX_H
#define SEMISAM_PHILOX_H
#include "both.h"

/* One block of the full generator: 128-bit counter as (lo, hi), each half low word first. `hi`
 * numbers streams within a key, for draws that need an unknown count of numbers (rejection). */
SS_BOTH void ss_philox_at(uint64_t key, uint64_t lo, uint64_t hi, uint32_t out[4])
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    uint32_t c0 = (uint32_t)lo, c1 = (uint32_t)(lo >> 32), c2 = (uint32_t)hi;
    uint32_t c3 = (uint32_t)(hi >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

SS_BOTH void ss_philox(uint64_t key, uint64_t counter, uint32_t out[4])
{
    ss_philox_at(key, counter, 0, out);
}

/* Integer in [0, n) without bias: lane i % 4 of block i / 4 under stream t, t = 0, 1.. until a word
 * falls in the largest multiple of n. */
SS_BOTH uint32_t ss_below(uint64_t key, uint64_t i, uint32_t n)
{
    const uint32_t reject = (uint32_t)(0 - n) % n; /* 2^32 mod n */
    for (uint64_t t = 0;; t++) {
        uint32_t u[4];
        ss_philox_at(key, i / 4, t, u);
        const uint32_t w = i % 4 == 0 ? u[0] : i % 4 == 1 ? u[1] : i % 4 == 2 ? u[2] : u[3];
        if (w >= reject) return w % n;
    }
}

/* u32 to f32 in [0, 1): 24 bits. */
SS_BOTH float ss_uniform01(uint32_t u)
{
    return (float)(u >> 8) * 0x1p-24f;
}

/* u32 to f32 strictly inside (0, 1): centres of 2^23 cells, safe under a logarithm. */
SS_BOTH float ss_uniform01_open(uint32_t u)
{
    return ((float)(u >> 9) + 0.5f) * 0x1p-23f;
}

/* u32 to f32 in [lo, hi), `last` being the number before hi: sums may round up to it. */
SS_BOTH float ss_uniform(uint32_t u, float lo, float hi, float last)
{
    const float v = lo + ss_prodf(hi - lo, ss_uniform01(u));
    return v < hi || lo == hi ? v : last;
}

/* ---- logarithm, sine and cosine of double precision by additions and multiplications alone: the
 * same bits on every processor, within 3e-9; callers round to f32. */

/* Natural logarithm of x > 0, not subnormal: 2 atanh((f - 1) / (f + 1)) of x = 2^n f. */
SS_BOTH double ss_plain_log(double x)
{
    const uint64_t root = 0x3fe6a09e667f3bcdu; /* sqrt(1/2) */
    const uint64_t u = ss_bits_of(x) - root + ((uint64_t)1024 << 52);
    /* the biased exponent as a double, by putting it under that of 2^52 */
    const double n = ss_from_bits((u >> 52) | 0x4330000000000000u) - (4503599627370496.0 + 1024.0);
    const double f = ss_from_bits((u & 0x000fffffffffffffu) + root) - 1.0;
    const double s = f / (2.0 + f), z = s * s;
    double q = 2.0 / 11;
    q = ss_prod(q, z) + 2.0 / 9;
    q = ss_prod(q, z) + 2.0 / 7;
    q = ss_prod(q, z) + 2.0 / 5;
    q = ss_prod(q, z) + 2.0 / 3;
    return ss_prod(n, 0.693147180559945309) + (ss_prod(ss_prod(s, z), q) + ss_prod(2.0, s));
}

/* Sine and cosine of t in [0, 7]: by quarters, pi/2 in two parts. */
SS_BOTH void ss_plain_sincos(double t, double *sine, double *cosine)
{
    const int quarter = (int)(ss_prod(t, 0.636619772367581343) + 0.5);
    const double r =
        (t - ss_prod(quarter, 1.57079632673412561)) - ss_prod(quarter, 6.07710050650619225e-11);
    const double z = r * r;
    double s = 1.0 / 362880, c = -1.0 / 3628800;
    s = ss_prod(s, z) - 1.0 / 5040;
    s = ss_prod(s, z) + 1.0 / 120;
    s = ss_prod(s, z) - 1.0 / 6;
    s = ss_prod(ss_prod(r, z), s) + r;
    c = ss_prod(c, z) + 1.0 / 40320;
    c = ss_prod(c, z) - 1.0 / 720;
    c = ss_prod(c, z) + 1.0 / 24;
    c = ss_prod(c, z) - 0.5;
    c = ss_prod(z, c) + 1.0;
    const double a = quarter & 1 ? c : s, b = quarter & 1 ? s : c;
    *sine = quarter & 2 ? -a : a;
    *cosine = (quarter + 1) & 2 ? -b : b;
}

/* Distance from 0 of a pair of standard normals: sqrt(-2 ln u). */
SS_BOTH float ss_rayleigh(uint32_t u)
{
    return sqrtf(-2.0f * (float)ss_plain_log((double)ss_uniform01_open(u)));
}

/* Two standard normals from two words (Box and Muller 1958). */
SS_BOTH void ss_normal2(uint32_t a, uint32_t b, float *x, float *y)
{
    const float r = ss_rayleigh(a), t = 6.28318530717958648f * ss_uniform01(b);
    double sine, cosine;
    ss_plain_sincos((double)t, &sine, &cosine);
    *x = r * (float)cosine;
    *y = r * (float)sine;
}

/* Four standard normals: block `counter` of the key. */
SS_BOTH void ss_normal4(uint64_t key, uint64_t counter, float out[4])
{
    uint32_t u[4];
    ss_philox(key, counter, u);
    ss_normal2(u[0], u[1], &out[0], &out[1]);
    ss_normal2(u[2], u[3], &out[2], &out[3]);
}
#endif
