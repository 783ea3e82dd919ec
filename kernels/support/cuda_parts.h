/* cuda_parts.h — partial sums of reductions over everything; C and C++, for plan_cuda. */
#ifndef SEMISAM_SUPPORT_CUDA_PARTS_H
#define SEMISAM_SUPPORT_CUDA_PARTS_H
#include <stdint.h>

enum { SS_PARTS = 512, SS_PER_PART = 2048 };

/* Blocks that share out n elements: a number that depends on n alone, and with it the order of
 * the sum. */
static inline int64_t ss_parts_of(int64_t n)
{
    const int64_t parts = (n + SS_PER_PART - 1) / SS_PER_PART;
    if (parts < 1) return 1;
    return parts < SS_PARTS ? parts : (int64_t)SS_PARTS;
}
#endif
