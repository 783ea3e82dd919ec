/* cuda_layer_norm.h — rows of layer_norm in chunks, for the gradients of weight and bias; C and
 * C++, for plan_cuda. */
#ifndef SEMISAM_SUPPORT_CUDA_LAYER_NORM_H
#define SEMISAM_SUPPORT_CUDA_LAYER_NORM_H
#include "../op.h"

enum { SS_LAYER_CHUNKS = 128, SS_LAYER_MIN_ROWS = 32 };

typedef struct ss_layer_chunks {
    int64_t n, rows;     /* x is [rows, n] */
    int64_t per, chunks; /* rows of a chunk; how many */
} ss_layer_chunks;

static inline ss_layer_chunks ss_layer_chunks_of(const ss_view *x)
{
    ss_layer_chunks k = {x->shape[x->ndim - 1], 0, SS_LAYER_MIN_ROWS, 0};
    if (k.n > 0) k.rows = x->count / k.n;
    const int64_t per = (k.rows + SS_LAYER_CHUNKS - 1) / SS_LAYER_CHUNKS;
    if (per > k.per) k.per = per;
    k.chunks = (k.rows + k.per - 1) / k.per;
    return k;
}
#endif
