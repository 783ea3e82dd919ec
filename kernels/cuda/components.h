/* components.h — connected regions: union-find whose roots are the first voxels, in raster order.
 *
 * Runs of a warp's 32 voxels are joined from the start; then every voxel joins its run to those
 * before it by atomicMin on roots, so that a region ends with its smallest index whatever the order
 * of threads; a last launch points every voxel to its root. Three launches, no passes to count. */
#ifndef SEMISAM_CUDA_COMPONENTS_H
#define SEMISAM_CUDA_COMPONENTS_H
#include "mask.h"
#include "scan.h"
#include "support/cuda_masks.h"

/* parent = the first voxel of the run within the warp's 32. */
SS_KERNEL(ss_union_runs)(ss_source s, ss_masks m, uint32_t *parent)
{
    const int lane = (int)threadIdx.x % SS_WARP;
    for (int64_t at = (int64_t)blockIdx.x * blockDim.x; at < m.count;
         at += (int64_t)gridDim.x * blockDim.x) {
        const int64_t i = at + threadIdx.x;
        const bool in = i < m.count && ss_inside(s, i);
        const unsigned all = __ballot_sync(SS_ALL, in);
        const bool begins =
            in && (lane == 0 || !(all >> (lane - 1) & 1) || (uint32_t)i % (uint32_t)m.w == 0);
        const unsigned begin = __ballot_sync(SS_ALL, begins) & ss_lanes_up_to(lane);
        if (i < m.count)
            parent[i] = in ? (uint32_t)(i - lane + SS_WARP - 1 - __clz((int)begin)) : SS_NONE;
    }
}

/* The root as far as this thread sees; paths are halved on the way. A stale parent still belongs to
 * the region, and only the atomic below decides. */
SS_DEVICE uint32_t ss_union_root(uint32_t *parent, uint32_t i)
{
    volatile uint32_t *p = parent;
    uint32_t up = p[i];
    while (up != i) {
        const uint32_t next = p[up];
        if (next != up) p[i] = next;
        i = up;
        up = next;
    }
    return i;
}
SS_DEVICE void ss_unite(uint32_t *parent, uint32_t a, uint32_t b)
{
    for (;;) {
        a = ss_union_root(parent, a);
        b = ss_union_root(parent, b);
        if (a == b) return;
        const uint32_t high = a > b ? a : b, low = a > b ? b : a;
        const uint32_t old = atomicMin(&parent[high], low);
        if (old == high) return;
        a = old; /* another thread was first: its root and ours are one region too */
        b = low;
    }
}

/* Joins voxel i to the neighbour at step (dz, dy, dx) before it. Where both have a voxel to their
 * left, those two have been joined and so have these. */
SS_DEVICE void ss_union_step(uint32_t *parent, const ss_masks &m, const int32_t p[3], uint32_t i,
                             bool left, int dz, int dy, int dx)
{
    const int32_t z = p[0] + dz, y = p[1] + dy, x = p[2] + dx;
    if (z < 0 || y < 0 || y >= m.h || x < 0 || x >= m.w) return;
    volatile const uint32_t *seen = parent;
    const uint32_t j = (uint32_t)((z * m.h + y) * m.w + x);
    if (seen[j] == SS_NONE || (left && x > 0 && seen[j - 1] != SS_NONE)) return;
    ss_unite(parent, i, j);
}

SS_KERNEL(ss_union_join)(ss_masks m, int connectivity, uint32_t *parent)
{
    volatile const uint32_t *seen = parent;
    SS_EACH (i, m.count) {
        int32_t p[3];
        if (seen[i] == SS_NONE) continue;
        ss_voxel_place(m, i, p);
        const bool left = p[2] > 0 && seen[i - 1] != SS_NONE;
        if (left && i % SS_WARP == 0) ss_unite(parent, (uint32_t)i, (uint32_t)i - 1);
        for (int dz = -1; dz <= 0; dz++)
            for (int dy = -1; dy <= (dz ? 1 : -1); dy++)
                for (int dx = -1; dx <= 1; dx++)
                    if ((dz != 0) + (dy != 0) + (dx != 0) <= connectivity + 1)
                        ss_union_step(parent, m, p, (uint32_t)i, left, dz, dy, dx);
    }
}

SS_KERNEL(ss_union_flatten)(int64_t count, uint32_t *parent)
{
    SS_EACH (i, count)
        if (parent[i] != SS_NONE) {
            volatile const uint32_t *p = parent;
            uint32_t root = p[i];
            while (p[root] != root) root = p[root];
            parent[i] = root;
        }
}

/* size[root] += its voxels, a run of a warp at once. */
SS_KERNEL(ss_union_sizes)(int64_t count, const uint32_t *parent, uint32_t *size)
{
    const int lane = (int)threadIdx.x % SS_WARP;
    for (int64_t at = (int64_t)blockIdx.x * blockDim.x; at < count;
         at += (int64_t)gridDim.x * blockDim.x) {
        const int64_t i = at + threadIdx.x;
        const uint32_t mine = i < count ? parent[i] : SS_NONE;
        const uint32_t before = __shfl_up_sync(SS_ALL, mine, 1);
        const bool begins = lane == 0 || before != mine;
        const unsigned later = __ballot_sync(SS_ALL, begins) & ~ss_lanes_up_to(lane);
        const int end = later ? __ffs((int)later) - 1 : SS_WARP;
        if (begins && mine != SS_NONE) atomicAdd(&size[mine], (uint32_t)(end - lane));
    }
}

/* best = the size of the largest region and, below it, the complement of its first voxel. */
SS_KERNEL(ss_union_largest)
(int64_t count, const uint32_t *parent, const uint32_t *size, unsigned long long *best)
{
    SS_EACH (i, count)
        if (parent[i] == (uint32_t)i) {
            const unsigned long long v = (unsigned long long)size[i] << 32 | ~(uint32_t)i;
            if (v > *(volatile unsigned long long *)best) atomicMax(best, v);
        }
}
SS_DEVICE uint32_t ss_largest_root(const uint64_t *best)
{
    return ~(uint32_t)*best; /* SS_NONE when there is no region */
}

/* parent[i] = the first voxel of i's region. */
static inline void ss_regions_find(ss_gpu *g, const ss_source &s, const ss_masks &m,
                                   int connectivity, uint32_t *parent)
{
    const unsigned grid = ss_grid(g, m.count);
    SS_LAUNCH(g, ss_union_runs, grid, SS_BLOCK, 0, s, m, parent);
    SS_LAUNCH(g, ss_union_join, grid, SS_BLOCK, 0, m, connectivity, parent);
    SS_LAUNCH(g, ss_union_flatten, grid, SS_BLOCK, 0, m.count, parent);
}
static inline void ss_regions_measure(ss_gpu *g, int64_t count, const uint32_t *parent,
                                      uint32_t *size)
{
    ss_clear(g, size, (size_t)count * sizeof(uint32_t));
    SS_LAUNCH(g, ss_union_sizes, ss_grid(g, count), SS_BLOCK, 0, count, parent, size);
}
/* All three parts of r. */
static inline void ss_regions_largest(ss_gpu *g, const ss_source &s, const ss_masks &m,
                                      int connectivity, const ss_regions &r)
{
    ss_regions_find(g, s, m, connectivity, r.parent);
    ss_regions_measure(g, m.count, r.parent, r.size);
    ss_clear(g, r.best, sizeof *r.best);
    SS_LAUNCH(g, ss_union_largest, ss_grid(g, m.count), SS_BLOCK, 0, m.count, r.parent, r.size,
              (unsigned long long *)r.best);
}
#endif
