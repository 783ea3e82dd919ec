/* split.h — an element's number taken apart into coordinates, with 32-bit division where it fits:
 * the 64-bit one is a subroutine of some seventy instructions. */
#ifndef SEMISAM_CUDA_SPLIT_H
#define SEMISAM_CUDA_SPLIT_H
#include "cuda.h"

/* i / d, and *rest = i % d; i >= 0, d > 0. */
SS_DEVICE int64_t ss_split(int64_t i, int64_t d, int64_t *rest)
{
    if ((uint64_t)(i | d) >> 32 == 0) {
        const uint32_t a = (uint32_t)i, b = (uint32_t)d, q = a / b;
        *rest = a - q * b;
        return q;
    }
    const int64_t q = i / d;
    *rest = i - q * d;
    return q;
}
/* Coordinates of position r of [n, size0, size1, size2]; returns the first. */
SS_DEVICE int64_t ss_place(int64_t r, const int64_t size[3], int64_t at[3])
{
    r = ss_split(r, size[2], &at[2]);
    r = ss_split(r, size[1], &at[1]);
    return ss_split(r, size[0], &at[0]);
}
#endif
