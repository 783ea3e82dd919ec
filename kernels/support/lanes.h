/* lanes.h — numbers of philox.h, sixteen blocks of a stream at once so that the CPU computes them
 * in vectors: the same bits as one by one. */
#ifndef SEMISAM_LANES_H
#define SEMISAM_LANES_H
#include "philox.h"

enum { SS_LANES = 16, SS_DRAWN = 4 * SS_LANES };

/* Word w of ss_philox(key, from + l) at out[w][l]. */
static inline void ss_philox_lanes(uint64_t key, uint64_t from, uint32_t out[4][SS_LANES])
{
    uint32_t *c0 = out[0], *c1 = out[1], *c2 = out[2], *c3 = out[3];
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (uint32_t l = 0; l < SS_LANES; l++) {
        c0[l] = (uint32_t)(from + l);
        c1[l] = (uint32_t)((from + l) >> 32);
        c2[l] = c3[l] = 0;
    }
    for (int round = 0; round < 10; round++) {
        for (int l = 0; l < SS_LANES; l++) {
            const uint64_t p0 = (uint64_t)0xD2511F53u * c0[l], p1 = (uint64_t)0xCD9E8D57u * c2[l];
            c0[l] = (uint32_t)(p1 >> 32) ^ c1[l] ^ k0;
            c2[l] = (uint32_t)(p0 >> 32) ^ c3[l] ^ k1;
            c1[l] = (uint32_t)p1;
            c3[l] = (uint32_t)p0;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

/* Standard normals 4 from .. of the key: those of ss_normal4(key, from + l) at z[4 l]. */
static inline void ss_normal_lanes(uint64_t key, uint64_t from, float z[SS_DRAWN])
{
    uint32_t u[4][SS_LANES];
    float x[4][SS_LANES];
    ss_philox_lanes(key, from, u);
    for (int p = 0; p < 4; p += 2)
        for (int l = 0; l < SS_LANES; l++) ss_normal2(u[p][l], u[p + 1][l], &x[p][l], &x[p + 1][l]);
    for (int l = 0; l < SS_LANES; l++)
        for (int w = 0; w < 4; w++) z[4 * l + w] = x[w][l];
}
#endif
