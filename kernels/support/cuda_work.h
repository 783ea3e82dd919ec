/* cuda_work.h — scratch of CUDA twins: what plan_cuda (C) asks for and the .cu file lays out alike.
 */
#ifndef SEMISAM_CUDA_WORK_H
#define SEMISAM_CUDA_WORK_H
#include "../op.h"

/* Memory handed out piece by piece; with base NULL only `used` counts. */
typedef struct ss_arena {
    char *base;
    size_t used;
} ss_arena;

static inline void *ss_take(ss_arena *a, size_t bytes)
{
    void *p = a->base ? a->base + a->used : NULL;
    a->used += (bytes + 63) / 64 * 64;
    return p;
}
static inline uint32_t *ss_take_words(ss_arena *a, int64_t n)
{
    return (uint32_t *)ss_take(a, (size_t)n * sizeof(uint32_t));
}

/* ---- running sums (cuda/scan.h) ------------------------------------------------------- */

enum { SS_SCAN_TILE = 2048 };
static inline int64_t ss_scan_tiles_of(int64_t n)
{
    return (n + SS_SCAN_TILE - 1) / SS_SCAN_TILE;
}
/* Words that ss_scan needs for n elements. */
static inline int64_t ss_scan_words(int64_t n)
{
    int64_t words = 1;
    while (n > SS_SCAN_TILE) words += n = ss_scan_tiles_of(n);
    return words;
}

/* ---- sorting (cuda/sort.h) -------------------------------------------------------------- */

enum { SS_SORT_TILE = 2048, SS_SORT_BITS = 4, SS_SORT_DIGITS = 1 << SS_SORT_BITS };

typedef struct ss_sort_work {
    uint32_t *key[2], *value[2];
    uint32_t *digit; /* how often each digit occurs in each tile */
    uint32_t *scan;
} ss_sort_work;

static inline ss_sort_work ss_sort_work_of(ss_arena *a, int64_t n)
{
    const int64_t digits = (n + SS_SORT_TILE - 1) / SS_SORT_TILE * SS_SORT_DIGITS;
    ss_sort_work s;
    for (int i = 0; i < 2; i++) {
        s.key[i] = ss_take_words(a, n);
        s.value[i] = ss_take_words(a, n);
    }
    s.digit = ss_take_words(a, digits);
    s.scan = ss_take_words(a, ss_scan_words(digits));
    return s;
}
/* How many bits hold numbers up to n. */
static inline int ss_bits_for(uint64_t n)
{
    int bits = 1;
    while (bits < 64 && n >> bits) bits++;
    return bits;
}
#endif
