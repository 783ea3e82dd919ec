/* overlap.c — how two masks agree, as counts of voxels. */
#include "support/mask.h"

static ss_status infer(ss_call *c)
{
    ss_masks m, other;
    ss_status s = ss_masks_of(c, 0, &m);
    if (!s) s = ss_masks_of(c, 1, &other);
    if (s) return s;
    if (m.n != other.n || m.d != other.d || m.h != other.h || m.w != other.w)
        return ss_fail(c, SS_E_SHAPE, "both masks must have the same shape");
    return ss_out_per_mask(c, &m, SS_I64, 1, (int64_t[]){4});
}

static ss_status plan(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    c->scratch_bytes = 2 * (size_t)m.count;
    return s;
}

static ss_status cpu(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    if (s) return s;
    uint8_t *a = c->scratch, *b = a + m.count;
    for (int64_t k = 0; k < m.n; k++) {
        int64_t *y = (int64_t *)c->out[0].data + 4 * k, na = 0, nb = 0, both = 0;
        ss_mask_load(&c->in[0], &m, k, a);
        ss_mask_load(&c->in[1], &m, k, b);
        for (int64_t i = 0; i < m.count; i++) {
            na += a[i];
            nb += b[i];
            both += a[i] & b[i];
        }
        y[0] = both;
        y[1] = na - both;
        y[2] = nb - both;
        y[3] = m.count - na - nb + both;
    }
    return SS_OK;
}

const ss_op SS_OP(overlap) = {
    .name = "overlap",
    .sig = "a: any, b: any",
    .doc = "Count voxels of two masks as i64 [4] (per volume: [n,4]): in both, in a alone, in b "
           "alone, in neither. With a the prediction and b the truth these are TP, FP, FN, TN. "
           "Masks as in connected_components.",
    .infer = infer,
    .plan = plan,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
