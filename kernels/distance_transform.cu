/* distance_transform.cu — exact Euclidean distance to the nearest background voxel. */
#include "cuda/edt.h"

SS_KERNEL(roots)(const float *squared, int64_t count, float *y)
{
    SS_EACH (i, count) y[i] = sqrtf(squared[i]);
}

SS_TWIN(distance_transform)
{
    const ss_masks m = ss_masks_in(&c->in[0]);
    const ss_spacing spacing = ss_spacing_in(c, g, 1);
    const unsigned grid = ss_grid(g, m.count);
    ss_arena a = {(char *)c->scratch, 0};
    const ss_edt_parts e = ss_edt_parts_of(&a, m.count);
    for (int64_t k = 0; k < m.n && m.count > 0; k++) {
        SS_LAUNCH(g, ss_mask_bytes, grid, SS_BLOCK, 0, ss_source_of(&c->in[0], m, k, SS_POSITIVE),
                  m.count, e.inside);
        ss_edt(g, m, spacing, e);
        SS_LAUNCH(g, roots, grid, SS_BLOCK, 0, e.squared, m.count,
                  ss_out_ptr<float>(c, 0) + k * m.count);
    }
    return ss_launched(c, g);
}
