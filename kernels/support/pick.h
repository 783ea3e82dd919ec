/* pick.h — k voxels drawn from a list of candidates, by key: for the CPU and the CUDA device. */
#ifndef SEMISAM_PICK_H
#define SEMISAM_PICK_H
#include "philox.h"

/* Key of volume k of a batch: volumes draw independently, and volume 0 draws as it would alone. */
SS_BOTH uint64_t ss_volume_key(uint64_t key, int64_t k)
{
    uint32_t u[4];
    if (k == 0) return key;
    ss_philox_at(key, (uint64_t)k, 0x766f6c, u); /* a stream of its own */
    return (uint64_t)u[0] | (uint64_t)u[1] << 32;
}

/* Writes k points (z,y,x) drawn from candidate[0..n) (indices into size[0..3), reordered here)
 * minus `origin`: without repeats until all were used, then all over again. NaN when n is 0. Draw i
 * is word i % 4 of block i / 4, scaled to the remaining count (bias below n / 2^32). */
SS_BOTH void ss_pick_points(int32_t *candidate, int64_t n, const int64_t size[3],
                            const int64_t origin[3], uint64_t key, int64_t k, float *out)
{
    for (int64_t i = 0; i < k; i++) {
        if (n == 0) {
            out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = NAN;
            continue;
        }
        uint32_t u[4];
        ss_philox(key, (uint64_t)i / 4, u);
        const uint32_t w = i % 4 == 0 ? u[0] : i % 4 == 1 ? u[1] : i % 4 == 2 ? u[2] : u[3];
        const int64_t first = i % n;
        const int64_t j = first + (int64_t)(((uint64_t)w * (uint64_t)(n - first)) >> 32);
        const int32_t v = candidate[j];
        candidate[j] = candidate[first];
        candidate[first] = v;
        out[3 * i] = (float)(v / (size[1] * size[2]) + origin[0]);
        out[3 * i + 1] = (float)(v / size[2] % size[1] + origin[1]);
        out[3 * i + 2] = (float)(v % size[2] + origin[2]);
    }
}
#endif
