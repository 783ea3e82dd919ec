/* fill_holes.cu — background that cannot reach the border of the volume becomes foreground. */
#include "cuda/components.h"

/* open[root] = 1 for background regions that touch a face of the volume. */
SS_KERNEL(mark_open)(ss_masks m, const uint32_t *parent, uint32_t *open)
{
    SS_EACH (i, m.count) {
        int32_t p[3];
        ss_voxel_place(m, i, p);
        const bool rim = p[0] == 0 || p[0] == m.d - 1 || p[1] == 0 || p[1] == m.h - 1 ||
                         p[2] == 0 || p[2] == m.w - 1;
        if (rim && parent[i] != SS_NONE) open[parent[i]] = 1;
    }
}

SS_KERNEL(fill)(int64_t count, const uint32_t *parent, const uint32_t *open, uint8_t *y)
{
    SS_EACH (i, count) y[i] = parent[i] == SS_NONE || !open[parent[i]];
}

SS_TWIN(fill_holes)
{
    const ss_masks m = ss_masks_in(&c->in[0]);
    const unsigned grid = ss_grid(g, m.count);
    ss_arena a = {(char *)c->scratch, 0};
    const ss_regions r = ss_regions_of(&a, m.count);
    for (int64_t k = 0; k < m.n && m.count > 0; k++) {
        ss_regions_find(g, ss_source_of(&c->in[0], m, k, SS_NOT_POSITIVE), m, (int)c->attr[0].v[0],
                        r.parent);
        ss_clear(g, r.size, (size_t)m.count * sizeof(uint32_t));
        SS_LAUNCH(g, mark_open, grid, SS_BLOCK, 0, m, r.parent, r.size);
        SS_LAUNCH(g, fill, grid, SS_BLOCK, 0, m.count, r.parent, r.size,
                  ss_out_ptr<uint8_t>(c, 0) + k * m.count);
    }
    return ss_launched(c, g);
}
