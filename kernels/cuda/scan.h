/* scan.h — running sums over a block and over long arrays. */
#ifndef SEMISAM_CUDA_SCAN_H
#define SEMISAM_CUDA_SCAN_H
#include "cuda.h"
#include "support/cuda_work.h"

/* The sum of x over the threads before this one; *total: over the block. Every thread calls it. */
SS_DEVICE uint32_t ss_block_before(uint32_t x, uint32_t *total)
{
    SS_SHARED(uint32_t, part, [SS_WARP]);
    const int lane = (int)threadIdx.x % SS_WARP, warp = (int)threadIdx.x / SS_WARP;
    uint32_t sum = x, before = 0, all = 0;
    for (int d = 1; d < SS_WARP; d *= 2) {
        const uint32_t other = __shfl_up_sync(SS_ALL, sum, d);
        if (lane >= d) sum += other;
    }
    __syncthreads(); /* part may still be read from the call before */
    if (lane == SS_WARP - 1) part[warp] = sum;
    __syncthreads();
    for (int w = 0; w < (int)blockDim.x / SS_WARP; w++) {
        if (w < warp) before += part[w];
        all += part[w];
    }
    *total = all;
    return before + sum - x;
}

enum { SS_SCAN_EACH = SS_SCAN_TILE / SS_BLOCK };

/* Every tile of x becomes the sums before its elements; sums[tile] is that of the tile. */
SS_KERNEL(ss_scan_in_tiles)(uint32_t *x, int64_t n, uint32_t *sums)
{
    for (int64_t tile = blockIdx.x; tile * SS_SCAN_TILE < n; tile += gridDim.x) {
        const int64_t at = tile * SS_SCAN_TILE + (int64_t)threadIdx.x * SS_SCAN_EACH;
        uint32_t v[SS_SCAN_EACH], sum = 0, total;
        for (int k = 0; k < SS_SCAN_EACH; k++) {
            v[k] = at + k < n ? x[at + k] : 0;
            sum += v[k];
        }
        uint32_t before = ss_block_before(sum, &total);
        for (int k = 0; k < SS_SCAN_EACH; k++) {
            if (at + k < n) x[at + k] = before;
            before += v[k];
        }
        if (threadIdx.x == 0) sums[tile] = total;
    }
}
SS_KERNEL(ss_scan_add)(uint32_t *x, int64_t n, const uint32_t *sums)
{
    SS_EACH (i, n) x[i] += sums[i / SS_SCAN_TILE];
}

/* x[i] := x[0] + .. + x[i - 1], modulo 2^32. `work` has ss_scan_words(n) words. */
static inline void ss_scan(ss_gpu *g, uint32_t *x, int64_t n, uint32_t *work)
{
    const int64_t tiles = ss_scan_tiles_of(n);
    if (n <= 0) return;
    SS_LAUNCH(g, ss_scan_in_tiles, ss_grid(g, tiles, 1), SS_BLOCK, 0, x, n, work);
    if (tiles == 1) return;
    ss_scan(g, work, tiles, work + tiles);
    SS_LAUNCH(g, ss_scan_add, ss_grid(g, n), SS_BLOCK, 0, x, n, work);
}

/* Sets bytes to 0, in the order of the stream. */
static inline void ss_clear(ss_gpu *g, void *p, size_t bytes)
{
    if (bytes) cudaMemsetAsync(p, 0, bytes, g->stream);
}
#endif
