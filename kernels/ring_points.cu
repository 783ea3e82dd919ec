/* ring_points.cu — points a little outside a mask. */
#include "cuda/points.h"

SS_KERNEL(mark_ring)
(const float *squared, int64_t count, double low, double high, uint32_t *number)
{
    SS_EACH (i, count + 1)
        number[i] = i < count && (double)squared[i] >= low && (double)squared[i] <= high;
}

SS_TWIN(ring_points)
{
    const ss_masks m = ss_masks_in(&c->in[0]);
    const double near = c->attr[2].num, far = c->attr[3].num;
    const ss_spacing unit = {nullptr, 0};
    ss_arena a = {(char *)c->scratch, 0};
    const ss_edt_parts e = ss_edt_parts_of(&a, m.count);
    const ss_choice p = ss_choice_of(&a, m.count);
    for (int64_t v = 0; v < m.n && c->out[0].count; v++) {
        if (m.count) {
            SS_LAUNCH(g, ss_mask_bytes, ss_grid(g, m.count), SS_BLOCK, 0,
                      ss_source_of(&c->in[0], m, v, SS_NOT_POSITIVE), m.count, e.inside);
            ss_edt(g, m, unit, e);
        }
        SS_LAUNCH(g, mark_ring, ss_grid(g, m.count + 1), SS_BLOCK, 0, e.squared, m.count,
                  near * near, far * far, p.number);
        ss_points(g, m, p, c->attr[1].v[0], v, c->attr[0].v[0], ss_out_ptr<float>(c, 0));
    }
    return ss_launched(c, g);
}
