/* largest_component.c — everything outside the largest connected region becomes 0. */
#include "support/cuda_masks.h"
#include "support/mask.h"

static ss_status infer(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    return s ? s : ss_out_like(c, 0, &c->in[0]);
}

static ss_status plan(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    c->scratch_bytes = ss_components_work(m.count) + (size_t)m.count * (sizeof(int32_t) + 1);
    return s;
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
    const size_t size = ss_dtype_bytes(c->in[0].dtype);
    int32_t *label = (int32_t *)((char *)c->scratch + ss_components_work(m.count));
    uint8_t *inside = (uint8_t *)(label + m.count);
    for (int64_t k = 0; k < m.n && !ss_cancelled(c); k++) {
        const char *x = (const char *)c->in[0].data + (size_t)(k * m.count) * size;
        char *y = (char *)c->out[0].data + (size_t)(k * m.count) * size;
        ss_mask_load(&c->in[0], &m, k, inside);
        ss_components(inside, m.d, m.h, m.w, (ss_connectivity)c->attr[0].v[0], label, c->scratch);
        memset(y, 0, (size_t)m.count * size);
        for (int64_t i = 0; i < m.count; i++)
            if (label[i] == 1) memcpy(y + (size_t)i * size, x + (size_t)i * size, size);
    }
    return ss_cancelled(c) ? SS_E_CANCEL : SS_OK;
}

const ss_op SS_OP(largest_component) = {
    .name = "largest_component",
    .sig = "mask: any, " SS_CONNECTIVITY,
    .doc =
        "Keep the largest connected region of each volume and set the rest to 0 (equal sizes: "
        "the one that comes first). Masks as in connected_components; an empty mask stays empty.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
