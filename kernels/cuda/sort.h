/* sort.h — pairs (key, value) by rising key; equal keys keep their order. Radix sort, four bits a
 * pass, so the number of launches follows from the width of the keys alone. */
#ifndef SEMISAM_CUDA_SORT_H
#define SEMISAM_CUDA_SORT_H
#include "scan.h"

enum { SS_SORT_EACH = SS_SORT_TILE / SS_BLOCK };

/* How many pairs there are: n, or *live (at most n) when only the device knows. */
SS_DEVICE int64_t ss_sort_count(int64_t n, const uint32_t *live)
{
    return live ? (int64_t)*live : n;
}

/* digit[d * tiles + tile] = how many keys of the tile have digit d at `shift`. */
SS_KERNEL(ss_sort_tally)
(const uint32_t *key, int64_t n, const uint32_t *live, int shift, uint32_t *digit, int64_t tiles)
{
    SS_SHARED(uint32_t, count, [SS_SORT_DIGITS]);
    const int64_t end = ss_sort_count(n, live);
    for (int64_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        __syncthreads();
        if (threadIdx.x < SS_SORT_DIGITS) count[threadIdx.x] = 0;
        __syncthreads();
        for (int k = 0; k < SS_SORT_EACH; k++) {
            const int64_t i = tile * SS_SORT_TILE + k * SS_BLOCK + threadIdx.x;
            if (i < end) atomicAdd(&count[key[i] >> shift & (SS_SORT_DIGITS - 1)], 1u);
        }
        __syncthreads();
        if (threadIdx.x < SS_SORT_DIGITS) digit[threadIdx.x * tiles + tile] = count[threadIdx.x];
    }
}

/* Moves each pair to its place: `digit` now holds where each tile's share of a digit begins. */
SS_KERNEL(ss_sort_move)
(const uint32_t *key, const uint32_t *value, int64_t n, const uint32_t *live, int shift,
 const uint32_t *digit, int64_t tiles, uint32_t *key_to, uint32_t *value_to)
{
    /* count[d][t]: of thread t's pairs; then where they begin within the tile sorted by digit */
    SS_SHARED(uint32_t, count, [SS_SORT_DIGITS * SS_BLOCK]);
    SS_SHARED(uint32_t, first, [SS_SORT_DIGITS]);
    const int64_t end = ss_sort_count(n, live);
    const int t = (int)threadIdx.x;
    for (int64_t tile = blockIdx.x; tile * SS_SORT_TILE < end; tile += gridDim.x) {
        const int64_t at = tile * SS_SORT_TILE + (int64_t)t * SS_SORT_EACH;
        __syncthreads();
        for (int d = 0; d < SS_SORT_DIGITS; d++) count[d * SS_BLOCK + t] = 0;
        for (int k = 0; k < SS_SORT_EACH && at + k < end; k++)
            count[(key[at + k] >> shift & (SS_SORT_DIGITS - 1)) * SS_BLOCK + t]++;
        __syncthreads();
        uint32_t sum = 0, total;
        for (int j = 0; j < SS_SORT_DIGITS; j++) sum += count[t * SS_SORT_DIGITS + j];
        uint32_t before = ss_block_before(sum, &total);
        for (int j = 0; j < SS_SORT_DIGITS; j++) {
            const uint32_t c = count[t * SS_SORT_DIGITS + j];
            count[t * SS_SORT_DIGITS + j] = before;
            before += c;
        }
        __syncthreads();
        if (t < SS_SORT_DIGITS) first[t] = count[t * SS_BLOCK];
        __syncthreads();
        for (int k = 0; k < SS_SORT_EACH && at + k < end; k++) {
            const uint32_t d = key[at + k] >> shift & (SS_SORT_DIGITS - 1);
            const uint32_t to = digit[d * tiles + tile] + count[d * SS_BLOCK + t]++ - first[d];
            key_to[to] = key[at + k];
            value_to[to] = value[at + k];
        }
    }
}

/* Sorts key[0], value[0] by the low `bits` of the keys; returns where the result lies (0 or 1). */
static inline int ss_sort(ss_gpu *g, const ss_sort_work *s, int64_t n, int bits,
                          const uint32_t *live)
{
    const int64_t tiles = (n + SS_SORT_TILE - 1) / SS_SORT_TILE;
    int from = 0;
    if (n <= 0) return 0;
    for (int shift = 0; shift < bits; shift += SS_SORT_BITS, from ^= 1) {
        SS_LAUNCH(g, ss_sort_tally, ss_grid(g, tiles, 1), SS_BLOCK, 0, s->key[from], n, live, shift,
                  s->digit, tiles);
        ss_scan(g, s->digit, tiles * SS_SORT_DIGITS, s->scan);
        SS_LAUNCH(g, ss_sort_move, ss_grid(g, tiles, 1), SS_BLOCK, 0, s->key[from], s->value[from],
                  n, live, shift, s->digit, tiles, s->key[!from], s->value[!from]);
    }
    return from;
}
#endif
