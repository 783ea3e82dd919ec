/* ring_points.c — points a little outside a mask: simulated negative clicks. */
#include "support/cuda_masks.h"
#include "support/mask.h"
#include "support/pick.h"

static ss_status infer(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    const int64_t k = c->attr[0].v[0];
    const double near = c->attr[2].num, far = c->attr[3].num;
    if (s) return s;
    if (k < 0) return ss_fail(c, SS_E_ARG, "k must not be negative, got %lld", (long long)k);
    if (!(near > 0 && near <= far))
        return ss_fail(c, SS_E_ARG, "near and far must be 0 < near <= far, got %g and %g", near,
                       far);
    return ss_out_per_mask(c, &m, SS_F32, 2, (int64_t[]){k, 3});
}

static ss_status plan(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    c->scratch_bytes = ss_edt_work(m.d, m.h, m.w) +
                       (size_t)m.count * (sizeof(float) + sizeof(int32_t) + sizeof(uint8_t));
    return s;
}

static ss_status plan_cuda(ss_call *c)
{
    const ss_masks m = ss_masks_in(&c->in[0]);
    ss_arena a = {NULL, 0};
    ss_edt_parts_of(&a, m.count);
    ss_choice_of(&a, m.count);
    c->scratch_bytes = a.used;
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    if (s) return s;
    const int64_t k = c->attr[0].v[0], size[3] = {m.d, m.h, m.w}, origin[3] = {0};
    const double near = c->attr[2].num, far = c->attr[3].num;
    float *squared = (float *)((char *)c->scratch + ss_edt_work(m.d, m.h, m.w));
    int32_t *list = (int32_t *)(squared + m.count);
    uint8_t *outside = (uint8_t *)(list + m.count);
    for (int64_t v = 0; v < m.n && !ss_cancelled(c); v++) {
        int64_t n = 0;
        ss_mask_load(&c->in[0], &m, v, outside);
        for (int64_t i = 0; i < m.count; i++) outside[i] ^= 1;
        ss_edt_squared(outside, m.d, m.h, m.w, (double[]){1, 1, 1}, squared, c->scratch);
        for (int64_t i = 0; i < m.count; i++)
            if ((double)squared[i] >= near * near && (double)squared[i] <= far * far)
                list[n++] = (int32_t)i;
        ss_pick_points(list, n, size, origin, ss_volume_key((uint64_t)c->attr[1].v[0], v), k,
                       ss_out_f32(c, 0) + v * k * 3);
    }
    return ss_cancelled(c) ? SS_E_CANCEL : SS_OK;
}

const ss_op SS_OP(ring_points) = {
    .name = "ring_points",
    .sig = "mask: any, k: int, key: int, near: number = 3, far: number = 6",
    .doc =
        "Draw k voxels (z,y,x) as [k,3] (per volume: [n,k,3]) outside the mask, at a distance of "
        "`near` to `far` voxels from it. No voxel repeats before all were drawn; NaN when the "
        "mask is empty or no voxel is that far. Masks as in connected_components.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD | SS_OP_RANDOM,
};
