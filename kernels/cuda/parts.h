/* parts.h — sums over everything in two launches: a part per block, then the parts in order. */
#ifndef SEMISAM_CUDA_PARTS_H
#define SEMISAM_CUDA_PARTS_H
#include "cuda.h"
#include "support/cuda_parts.h"

/* Sum of part[0], part[step], ... for every thread of the one block. */
SS_DEVICE double ss_join_parts(const double *part, int64_t parts, int step)
{
    double s = 0;
    for (int64_t b = threadIdx.x; b < parts; b += blockDim.x) s += part[b * step];
    return ss_block_sum(s);
}

/* loss = sum / weight, 0 where nothing counts, and the weight. part: pairs of the two. */
SS_KERNEL(ss_join_mean)(const double *part, int64_t parts, float *loss, float *weight)
{
    const double s = ss_join_parts(part, parts, 2), w = ss_join_parts(part + 1, parts, 2);
    if (threadIdx.x == 0) {
        *loss = w != 0 ? (float)(s / w) : 0;
        *weight = (float)w;
    }
}
#endif
