/* connected_components.c — labels of connected regions, largest first. */
#include "support/cuda_masks.h"
#include "support/mask.h"

static ss_status infer(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    return s ? s : ss_out(c, 0, SS_I32, c->in[0].ndim, c->in[0].shape);
}

static ss_status plan(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    c->scratch_bytes = ss_components_work(m.count) + (size_t)m.count;
    return s;
}

static ss_status plan_cuda(ss_call *c)
{
    const ss_masks m = ss_masks_in(&c->in[0]);
    ss_arena a = {NULL, 0};
    ss_take_words(&a, m.count);
    ss_ranking_of(&a, m.count);
    c->scratch_bytes = a.used;
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    if (s) return s;
    uint8_t *inside = (uint8_t *)c->scratch + ss_components_work(m.count);
    for (int64_t k = 0; k < m.n && !ss_cancelled(c); k++) {
        ss_mask_load(&c->in[0], &m, k, inside);
        ss_components(inside, m.d, m.h, m.w, (ss_connectivity)c->attr[0].v[0],
                      (int32_t *)c->out[0].data + k * m.count, c->scratch);
    }
    return ss_cancelled(c) ? SS_E_CANCEL : SS_OK;
}

const ss_op SS_OP(connected_components) = {
    .name = "connected_components",
    .sig = "mask: any, " SS_CONNECTIVITY,
    .doc =
        "Label the connected regions of each volume 1, 2.. by falling size (equal sizes by first "
        "voxel); background is 0. Masks are [d,h,w], [n,d,h,w] or [n,d,h,w,1], inside where "
        "greater than 0; `connectivity` is 6 (face), 18 (edge) or 26 (corner) neighbours.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
