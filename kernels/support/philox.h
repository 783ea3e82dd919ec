/* philox.h — random numbers that are counted, not consumed: Philox4x32-10 (Salmon, Moraes, Dror,
 * Shaw: Parallel random numbers: as easy as 1, 2, 3. SC 2011).
 *
 * Element i of a random tensor is lane i % 4 of block i / 4 under the tensor's key, so it depends
 * on (key, i) alone: not on threads, not on what was drawn before. */
#ifndef SEMISAM_PHILOX_H
#define SEMISAM_PHILOX_H
#include "both.h"
#include <math.h>
#include <stdint.h>

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

/* Two standard normals from two words (Box and Muller 1958). */
SS_BOTH void ss_normal2(uint32_t a, uint32_t b, float *x, float *y)
{
    float r = sqrtf(-2.0f * logf(ss_uniform01_open(a))), t = 6.28318530717958648f * ss_uniform01(b);
    *x = r * cosf(t);
    *y = r * sinf(t);
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
