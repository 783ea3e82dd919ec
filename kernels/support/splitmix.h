/* splitmix.h — the generator of splitmix, for the CPU and the CUDA device. */
#ifndef SEMISAM_SPLITMIX_H
#define SEMISAM_SPLITMIX_H
#include "both.h"

/* The 24 high bits of the i-th output of the generator, as a number in [0, 1). */
SS_BOTH double ss_splitmix(uint64_t key, uint64_t i)
{
    uint64_t z = key + i + 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return (double)(z >> 40) * 0x1p-24;
}

/* offset + scale (2 u - 1), rounded once. */
SS_BOTH float ss_splitmix_number(uint64_t key, uint64_t i, double scale, double offset)
{
    return (float)(offset + ss_prod(scale, ss_prod(2, ss_splitmix(key, i)) - 1));
}
#endif
