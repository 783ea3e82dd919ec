/* points.h — the voxels that a kernel marked, listed in raster order, and points drawn from them.
 */
#ifndef SEMISAM_CUDA_POINTS_H
#define SEMISAM_CUDA_POINTS_H
#include "edt.h"
#include "scan.h"
#include "support/pick.h"

/* number has been scanned: voxel i is chosen where it rises. */
SS_KERNEL(ss_list_chosen)(int64_t count, const uint32_t *number, int32_t *list)
{
    SS_EACH (i, count)
        if (number[i + 1] != number[i]) list[number[i]] = (int32_t)i;
}

/* One thread: each draw depends on the swaps before it, and there are as many as points wanted. */
SS_KERNEL(ss_draw_points)
(int32_t *list, const uint32_t *n, ss_masks m, uint64_t key, int64_t k, float *y)
{
    const int64_t size[3] = {m.d, m.h, m.w}, origin[3] = {0, 0, 0};
    ss_pick_points(list, *n, size, origin, key, k, y);
}

/* Draws k points of volume v from the voxels whose p.number is 1 (0 elsewhere and at the end). */
static inline void ss_points(ss_gpu *g, const ss_masks &m, const ss_choice &p, int64_t key,
                             int64_t v, int64_t k, float *y)
{
    ss_scan(g, p.number, m.count + 1, p.scan);
    if (m.count)
        SS_LAUNCH(g, ss_list_chosen, ss_grid(g, m.count), SS_BLOCK, 0, m.count, p.number, p.list);
    SS_LAUNCH(g, ss_draw_points, 1, 1, 0, p.list, p.number + m.count, m,
              ss_volume_key((uint64_t)key, v), k, y + v * k * 3);
}
#endif
