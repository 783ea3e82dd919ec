/* distance_transform.c — exact Euclidean distance to the nearest background voxel. */
#include "support/cuda_masks.h"
#include "support/mask.h"

static ss_status infer(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    if (!s) s = ss_spacing_shape(c, 1);
    return s ? s : ss_out(c, 0, SS_F32, c->in[0].ndim, c->in[0].shape);
}

static ss_status plan(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    c->scratch_bytes = ss_edt_work(m.d, m.h, m.w) + (size_t)m.count;
    return s;
}

static ss_status plan_cuda(ss_call *c)
{
    const ss_masks m = ss_masks_in(&c->in[0]);
    ss_arena a = {NULL, 0};
    ss_edt_parts_of(&a, m.count);
    c->scratch_bytes = a.used;
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    ss_masks m;
    double spacing[3];
    ss_status s = ss_masks_of(c, 0, &m);
    if (!s) s = ss_spacing_of(c, 1, spacing);
    if (s) return s;
    uint8_t *inside = (uint8_t *)c->scratch + ss_edt_work(m.d, m.h, m.w);
    for (int64_t k = 0; k < m.n && !ss_cancelled(c); k++) {
        float *y = ss_out_f32(c, 0) + k * m.count;
        ss_mask_load(&c->in[0], &m, k, inside);
        ss_edt_squared(inside, m.d, m.h, m.w, spacing, y, c->scratch);
        SS_PARALLEL_FOR (i, m.count, 1) y[i] = sqrtf(y[i]);
    }
    return ss_cancelled(c) ? SS_E_CANCEL : SS_OK;
}

const ss_op SS_OP(distance_transform) = {
    .name = "distance_transform",
    .sig = "mask: any, spacing?: f32",
    .doc = "Euclidean distance from each voxel to the nearest voxel outside the mask, exact; 0 "
           "outside, infinity where the whole volume is inside (beyond the border nothing is "
           "known). `spacing`: one number or (z, y, x), 2^-20 to 2^20, default 1. Masks as in "
           "connected_components; for a signed distance transform the mask and its complement.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
