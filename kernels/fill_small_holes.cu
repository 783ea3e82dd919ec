/* fill_small_holes.cu — small regions of non-positive scores become slightly positive. */
#include "cuda/components.h"

SS_KERNEL(fill)
(const float *x, int64_t count, const uint32_t *parent, const uint32_t *size, int64_t area,
 float value, float *y)
{
    SS_EACH (i, count) y[i] = parent[i] != SS_NONE && size[parent[i]] <= area ? value : x[i];
}

SS_TWIN(fill_small_holes)
{
    const ss_view *x = &c->in[0];
    const ss_masks m = {x->shape[0], 1, x->shape[1], x->shape[2], x->shape[1] * x->shape[2], true};
    ss_arena a = {(char *)c->scratch, 0};
    const ss_regions r = ss_regions_of(&a, m.count);
    for (int64_t k = 0; k < m.n && m.count > 0; k++) {
        ss_regions_find(g, ss_source_of(x, m, k, SS_AT_MOST_ZERO), m, SS_CORNER, r.parent);
        ss_regions_measure(g, m.count, r.parent, r.size);
        SS_LAUNCH(g, fill, ss_grid(g, m.count), SS_BLOCK, 0, ss_in_ptr<float>(c, 0) + k * m.count,
                  m.count, r.parent, r.size, c->attr[0].v[0], (float)c->attr[1].num,
                  ss_out_ptr<float>(c, 0) + k * m.count);
    }
    return ss_launched(c, g);
}
