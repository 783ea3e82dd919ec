/* mask.h — masks as a device sees them. */
#ifndef SEMISAM_CUDA_MASK_H
#define SEMISAM_CUDA_MASK_H
#include "number.h"
#include "support/mask.h"

#define SS_NONE (~0u) /* no voxel */

/* Which voxels count. */
enum { SS_POSITIVE, SS_NOT_POSITIVE, SS_AT_MOST_ZERO };

/* A volume of a tensor and the rule for its voxels. */
struct ss_source {
    const void *x;
    ss_dtype type;
    int64_t at; /* of its first element */
    int rule;
};
static inline ss_source ss_source_of(const ss_view *v, const ss_masks &m, int64_t k, int rule)
{
    const ss_source s = {v->data, v->dtype, k * m.count, rule};
    return s;
}
SS_DEVICE bool ss_inside(const ss_source &s, int64_t i)
{
    const float v = ss_load(s.x, s.type, s.at + i);
    return s.rule == SS_POSITIVE ? v > 0 : s.rule == SS_NOT_POSITIVE ? !(v > 0) : v <= 0;
}

/* Lanes before this one and itself. */
SS_DEVICE unsigned ss_lanes_up_to(int lane)
{
    return ~0u >> (SS_WARP - 1 - lane);
}

SS_KERNEL(ss_mask_bytes)(ss_source s, int64_t count, uint8_t *inside)
{
    SS_EACH (i, count) inside[i] = ss_inside(s, i);
}

/* Where a voxel lies; volumes have fewer than 2^31. */
SS_DEVICE void ss_voxel_place(const ss_masks &m, int64_t i, int32_t p[3])
{
    const uint32_t v = (uint32_t)i, w = (uint32_t)m.w, h = (uint32_t)m.h, row = v / w;
    p[2] = (int32_t)(v - row * w);
    p[1] = (int32_t)(row % h);
    p[0] = (int32_t)(row / h);
}
#endif
