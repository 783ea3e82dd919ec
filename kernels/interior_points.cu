/* interior_points.cu — points well inside the largest region of a mask. */
#include "cuda/components.h"
#include "cuda/points.h"

/* The volume with one voxel of background all around. */
static ss_masks padded(const ss_masks &m)
{
    ss_masks p = {1, m.d + 2, m.h + 2, m.w + 2, 0, false};
    p.count = p.d * p.h * p.w;
    return p;
}

/* inside = the largest region, in the padded volume q. */
SS_KERNEL(cut_largest)
(ss_masks m, ss_masks q, const uint32_t *parent, const uint64_t *best, uint8_t *inside)
{
    const uint32_t root = ss_largest_root(best);
    SS_EACH (i, q.count) {
        int32_t p[3];
        ss_voxel_place(q, i, p);
        const int64_t z = p[0] - 1, y = p[1] - 1, x = p[2] - 1;
        const bool in = z >= 0 && z < m.d && y >= 0 && y < m.h && x >= 0 && x < m.w;
        const uint32_t mine = in ? parent[(z * m.h + y) * m.w + x] : SS_NONE;
        inside[i] = mine != SS_NONE && mine == root;
    }
}

/* Distances are not negative, so their bits have their order. */
SS_KERNEL(find_most)(const float *squared, int64_t count, uint32_t *most)
{
    uint32_t best = 0;
    SS_EACH (i, count) {
        const uint32_t v = __float_as_uint(squared[i]);
        if (v > best) best = v;
    }
    for (int d = SS_WARP / 2; d > 0; d /= 2) {
        const uint32_t v = __shfl_xor_sync(SS_ALL, best, d);
        if (v > best) best = v;
    }
    if (threadIdx.x % SS_WARP == 0 && best) atomicMax(most, best);
}

SS_KERNEL(mark_core)
(ss_masks m, ss_masks q, const float *squared, const uint32_t *most, uint32_t *number)
{
    const float limit = __uint_as_float(*most) / 4;
    SS_EACH (i, m.count + 1) {
        int32_t p[3];
        if (i == m.count) {
            number[i] = 0;
            continue;
        }
        ss_voxel_place(m, i, p);
        number[i] = squared[((p[0] + 1) * q.h + p[1] + 1) * q.w + p[2] + 1] > limit;
    }
}

SS_TWIN(interior_points)
{
    const ss_masks m = ss_masks_in(&c->in[0]), q = padded(m);
    const ss_spacing unit = {nullptr, 0};
    ss_arena a = {(char *)c->scratch, 0};
    const ss_regions r = ss_regions_of(&a, m.count);
    const ss_edt_parts e = ss_edt_parts_of(&a, q.count);
    const ss_choice p = ss_choice_of(&a, m.count);
    const unsigned grid = ss_grid(g, q.count);
    for (int64_t v = 0; v < m.n && c->out[0].count; v++) {
        ss_clear(g, p.number, (size_t)(m.count + 1) * sizeof(uint32_t));
        if (m.count) {
            ss_regions_largest(g, ss_source_of(&c->in[0], m, v, SS_POSITIVE), m, SS_FACE, r);
            SS_LAUNCH(g, cut_largest, grid, SS_BLOCK, 0, m, q, r.parent, r.best, e.inside);
            ss_edt(g, q, unit, e);
            ss_clear(g, p.most, sizeof *p.most);
            SS_LAUNCH(g, find_most, grid, SS_BLOCK, 0, e.squared, q.count, p.most);
            SS_LAUNCH(g, mark_core, ss_grid(g, m.count + 1), SS_BLOCK, 0, m, q, e.squared, p.most,
                      p.number);
        }
        ss_points(g, m, p, c->attr[1].v[0], v, c->attr[0].v[0], ss_out_ptr<float>(c, 0));
    }
    return ss_launched(c, g);
}
