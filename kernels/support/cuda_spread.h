/* cuda_spread.h — scratch of cuda/spread.h, for one volume at a time. */
#ifndef SEMISAM_CUDA_SPREAD_PLAN_H
#define SEMISAM_CUDA_SPREAD_PLAN_H
#include "cuda_work.h"

/* A position belongs to the cell between the voxels that it reads; cells begin at index -1, so an
 * axis has one more of them than voxels. */
static inline int64_t ss_spread_cells(const int64_t size[3])
{
    return (size[0] + 1) * (size[1] + 1) * (size[2] + 1);
}

typedef struct ss_spread_work {
    ss_sort_work sort;      /* cells and positions */
    uint32_t *first, *last; /* where a cell's positions lie in the sorted list */
} ss_spread_work;

static inline ss_spread_work ss_spread_work_of(ss_arena *a, int64_t points, const int64_t size[3])
{
    ss_spread_work w;
    w.sort = ss_sort_work_of(a, points);
    w.first = ss_take_words(a, ss_spread_cells(size));
    w.last = ss_take_words(a, ss_spread_cells(size));
    return w;
}

/* plan_cuda of an op whose first input is [n?, d, h, w, c?] at `points` positions a volume and
 * whose attribute 0 is the size of the volume. */
static inline ss_status ss_spread_plan(ss_call *c, int64_t points)
{
    ss_arena a = {NULL, 0};
    if (points > UINT32_MAX - 1 || ss_spread_cells(c->attr[0].v) > UINT32_MAX - 1)
        return ss_fail(c, SS_E_SHAPE,
                       "on a CUDA device a volume may have at most 2^32 - 2 "
                       "positions and cells");
    ss_spread_work_of(&a, points, c->attr[0].v);
    c->scratch_bytes = a.used;
    return SS_OK;
}
#endif
