/* fill_holes.c — background that cannot reach the border of the volume becomes foreground. */
#include "support/cuda_masks.h"
#include "support/mask.h"

static ss_status infer(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    return s ? s : ss_out(c, 0, SS_U8, c->in[0].ndim, c->in[0].shape);
}

static ss_status plan(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    c->scratch_bytes = ss_components_work(m.count) + (size_t)m.count * (sizeof(int32_t) + 1);
    return s;
}

/* open[k] = 1 for background regions that touch a face of the volume. */
static void mark_open(const ss_masks *m, const int32_t *label, int32_t *open)
{
    for (int64_t z = 0; z < m->d; z++)
        for (int64_t y = 0; y < m->h; y++) {
            const bool rim = z == 0 || z == m->d - 1 || y == 0 || y == m->h - 1;
            const int64_t stride = rim ? 1 : ss_max64(1, m->w - 1);
            for (int64_t x = 0; x < m->w; x += stride) open[label[ss_volume_at(m, z, y, x)]] = 1;
        }
}

static ss_status plan_cuda(ss_call *c)
{
    const ss_masks m = ss_masks_in(&c->in[0]);
    ss_arena a = {NULL, 0};
    ss_regions_of(&a, m.count);
    c->scratch_bytes = a.used;
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    if (s) return s;
    int32_t *label = (int32_t *)((char *)c->scratch + ss_components_work(m.count));
    uint8_t *outside = (uint8_t *)(label + m.count);
    for (int64_t k = 0; k < m.n && !ss_cancelled(c); k++) {
        uint8_t *y = (uint8_t *)c->out[0].data + k * m.count;
        ss_mask_load(&c->in[0], &m, k, outside);
        for (int64_t i = 0; i < m.count; i++) outside[i] ^= 1;
        const int64_t found = ss_components(outside, m.d, m.h, m.w,
                                            (ss_connectivity)c->attr[0].v[0], label, c->scratch);
        int32_t *open = c->scratch;
        memset(open, 0, (size_t)(found + 1) * sizeof(int32_t));
        mark_open(&m, label, open);
        for (int64_t i = 0; i < m.count; i++) y[i] = label[i] == 0 || !open[label[i]];
    }
    return ss_cancelled(c) ? SS_E_CANCEL : SS_OK;
}

const ss_op SS_OP(fill_holes) = {
    .name = "fill_holes",
    .sig = "mask: any, " SS_CONNECTIVITY,
    .doc = "The mask as u8 0/1 with its cavities filled: background regions (connected as "
           "`connectivity` says) that do not touch the border of the volume become 1. Masks as in "
           "connected_components.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
