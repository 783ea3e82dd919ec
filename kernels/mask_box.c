/* mask_box.c — the corners of what a mask encloses. */
#include "support/mask.h"

static ss_status infer(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    return s ? s : ss_out_per_mask(c, &m, SS_F32, 2, (int64_t[]){2, 3});
}

static ss_status plan(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    c->scratch_bytes = (size_t)m.count;
    return s;
}

static ss_status plan_cuda(ss_call *c)
{
    c->scratch_bytes = (size_t)ss_masks_in(&c->in[0]).n * 6 * sizeof(int32_t);
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    if (s) return s;
    for (int64_t k = 0; k < m.n; k++) {
        float *y = ss_out_f32(c, 0) + 6 * k;
        ss_box box;
        ss_mask_load(&c->in[0], &m, k, c->scratch);
        const bool any = ss_mask_box(c->scratch, m.d, m.h, m.w, &box);
        for (int a = 0; a < 3; a++) {
            y[a] = any ? (float)box.lo[a] : NAN;
            y[3 + a] = any ? (float)box.hi[a] : NAN;
        }
    }
    return SS_OK;
}

const ss_op SS_OP(mask_box) = {
    .name = "mask_box",
    .sig = "mask: any",
    .doc =
        "Bounding box of each mask as [2,3] (per volume: [n,2,3]): the first and the last (z,y,x) "
        "voxel inside, both included, counted from 0; NaN for an empty mask. Masks as in "
        "connected_components.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
