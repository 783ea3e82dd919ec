/* connected_components.cu — labels of connected regions, largest first: regions are numbered by
 * their first voxel, sorted by falling size (the sort keeps ties in order), and ranked. */
#include "cuda/components.h"
#include "cuda/sort.h"

SS_KERNEL(mark_roots)(int64_t count, const uint32_t *parent, uint32_t *number)
{
    SS_EACH (i, count + 1) number[i] = i < count && parent[i] == (uint32_t)i;
}

SS_KERNEL(list_roots)
(int64_t count, const uint32_t *parent, const uint32_t *number, const uint32_t *size, uint32_t *key,
 uint32_t *root)
{
    SS_EACH (i, count)
        if (parent[i] == (uint32_t)i) {
            key[number[i]] = (uint32_t)count - size[i];
            root[number[i]] = (uint32_t)i;
        }
}

/* rank[root] = 1, 2.. */
SS_KERNEL(rank_roots)(const uint32_t *found, const uint32_t *root, uint32_t *rank)
{
    SS_EACH (k, *found) rank[root[k]] = (uint32_t)k + 1;
}

SS_KERNEL(label)(int64_t count, uint32_t *parent, const uint32_t *rank)
{
    SS_EACH (i, count) parent[i] = parent[i] == SS_NONE ? 0 : rank[parent[i]];
}

SS_TWIN(connected_components)
{
    const ss_masks m = ss_masks_in(&c->in[0]);
    const int64_t n = m.count;
    const unsigned grid = ss_grid(g, n);
    ss_arena a = {(char *)c->scratch, 0};
    uint32_t *size = ss_take_words(&a, n);
    const ss_ranking r = ss_ranking_of(&a, n);
    const uint32_t *found = r.number + n;
    for (int64_t k = 0; k < m.n && n > 0; k++) {
        uint32_t *parent = ss_out_ptr<uint32_t>(c, 0) + k * n;
        ss_regions_find(g, ss_source_of(&c->in[0], m, k, SS_POSITIVE), m, (int)c->attr[0].v[0],
                        parent);
        ss_regions_measure(g, n, parent, size);
        SS_LAUNCH(g, mark_roots, grid, SS_BLOCK, 0, n, parent, r.number);
        ss_scan(g, r.number, n + 1, r.scan);
        SS_LAUNCH(g, list_roots, grid, SS_BLOCK, 0, n, parent, r.number, size, r.sort.key[0],
                  r.sort.value[0]);
        const int at = ss_sort(g, &r.sort, r.most, ss_bits_for((uint64_t)n), found);
        SS_LAUNCH(g, rank_roots, ss_grid(g, r.most), SS_BLOCK, 0, found, r.sort.value[at], size);
        SS_LAUNCH(g, label, grid, SS_BLOCK, 0, n, parent, size);
    }
    return ss_launched(c, g);
}
