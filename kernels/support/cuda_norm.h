/* cuda_norm.h — how normalisations over channels-last data [n, s, c] are cut into blocks; C and
 * C++, for plan_cuda.
 *
 * A block takes `width` channels of `rows` positions; its threads lie over channels first, so that
 * neighbours read neighbours, and over `height` positions. */
#ifndef SEMISAM_SUPPORT_CUDA_NORM_H
#define SEMISAM_SUPPORT_CUDA_NORM_H
#include "../op.h"

enum { SS_NORM_THREADS = 256, SS_NORM_MIN_STEPS = 16, SS_NORM_BLOCKS = 2048 };

typedef struct ss_norm_tiles {
    int64_t n, s, c;       /* samples, positions, channels */
    int64_t width, height; /* threads of a block */
    int64_t slabs;         /* blocks side by side over the channels */
    int64_t rows, chunks;  /* positions of a block; blocks over the positions of a sample */
} ss_norm_tiles;

static inline ss_norm_tiles ss_norm_tiles_of(const ss_view *x)
{
    ss_norm_tiles t = {x->shape[0], 1, x->shape[x->ndim - 1], 1, 1, 1, 1, 1};
    for (int i = 1; i < x->ndim - 1; i++) t.s *= x->shape[i];
    if (t.c > 0) t.width = t.c < SS_NORM_THREADS ? t.c : (int64_t)SS_NORM_THREADS;
    t.height = SS_NORM_THREADS / t.width;
    t.slabs = (t.c + t.width - 1) / t.width;
    /* enough blocks to fill a device, and enough work for each */
    const int64_t lines = (t.s + t.height - 1) / t.height, all = t.n * t.slabs * lines;
    int64_t steps = all / SS_NORM_BLOCKS;
    if (steps < SS_NORM_MIN_STEPS) steps = SS_NORM_MIN_STEPS;
    t.rows = steps * t.height;
    t.chunks = (t.s + t.rows - 1) / t.rows;
    return t;
}
static inline int64_t ss_norm_blocks(const ss_norm_tiles *t)
{
    return t->n * t->chunks * t->slabs;
}
/* Bytes of `sums` numbers of every chunk and channel (f32), and of every sample and channel
 * (double). */
static inline size_t ss_norm_part_bytes(const ss_norm_tiles *t, int sums)
{
    return (size_t)(t->n * t->chunks * sums * t->c) * 4;
}
static inline size_t ss_norm_total_bytes(const ss_norm_tiles *t, int sums)
{
    return (size_t)(t->n * t->c * sums) * 8;
}
#endif
