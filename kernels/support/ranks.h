/* ranks.h — memory for finding elements by rank on the device (cuda/ranks.h). */
#ifndef SEMISAM_RANKS_H
#define SEMISAM_RANKS_H
#include "../op.h"

enum { SS_RANK_BINS = 2048 };

/* One search: elements whose leading bits are `prefix` are left, `rank` counts among them. */
typedef struct ss_rank {
    int64_t rank;
    uint32_t prefix, unused;
} ss_rank;

/* Scratch of n searches: a flag that there is a NaN, then the searches, then their histograms. */
static inline size_t ss_ranks_scratch(int64_t n)
{
    return 16 + (size_t)n * (sizeof(ss_rank) + SS_RANK_BINS * sizeof(uint64_t));
}
#endif
