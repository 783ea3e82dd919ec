/* rows.h — rows along one axis of a tensor. `B`: a block shares a row; else every thread has its
 * own, for rows that are short or lie across memory. */
#ifndef SEMISAM_CUDA_ROWS_H
#define SEMISAM_CUDA_ROWS_H
#include "split.h"

struct ss_rows {
    int64_t count, d, inner; /* rows; elements of one; distance between them */
};
static inline ss_rows ss_rows_of(const ss_view *x, int dim)
{
    ss_rows a = {1, x->ndim ? x->shape[dim] : 1, 1};
    for (int i = 0; i < dim; i++) a.count *= x->shape[i];
    for (int i = dim + 1; i < x->ndim; i++) a.inner *= x->shape[i];
    a.count *= a.inner;
    return a;
}
enum { SS_ROW_SHORT = 16 };
/* ss_rows_shared() — whether a block should share a row. */
static inline bool ss_rows_shared(const ss_rows &a)
{
    return a.inner == 1 && a.d > SS_ROW_SHORT;
}
/* First element of row r. */
SS_DEVICE int64_t ss_row_at(const ss_rows &a, int64_t r)
{
    int64_t j;
    if (a.inner == 1) return r * a.d;
    const int64_t o = ss_split(r, a.inner, &j);
    return o * a.d * a.inner + j;
}

/* SS_EACH_ROW(B, r, n) — rows shared out over blocks or threads. */
#define SS_EACH_ROW(B, r, n)                                                                       \
    for (int64_t r = (B) ? blockIdx.x : (int64_t)blockIdx.x * blockDim.x + threadIdx.x; r < (n);   \
         r += (B) ? gridDim.x : (int64_t)gridDim.x * blockDim.x)
/* SS_EACH_OF(B, k, d) — elements of a row: this thread's share, or all. */
#define SS_EACH_OF(B, k, d)                                                                        \
    for (int64_t k = (B) ? threadIdx.x : 0; k < (d); k += (B) ? blockDim.x : 1)

/* Sum over all that share a row, for each of them. */
template <bool B> SS_DEVICE float ss_row_sum(float x)
{
    return B ? ss_block_sum(x) : x;
}
/* The same for the largest; NaN is passed over. */
template <bool B> SS_DEVICE float ss_row_max(float x)
{
    if constexpr (B) {
        SS_SHARED(float, part, [SS_WARP]);
        for (int d = SS_WARP / 2; d > 0; d /= 2) x = fmaxf(x, __shfl_xor_sync(SS_ALL, x, d));
        __syncthreads(); /* part may still be read from the call before */
        if (threadIdx.x % SS_WARP == 0) part[threadIdx.x / SS_WARP] = x;
        __syncthreads();
        for (int w = 0; w < (int)blockDim.x / SS_WARP; w++) x = fmaxf(x, part[w]);
    }
    return x;
}
/* Largest of a row and the sum of exp(x - largest). */
struct ss_peak {
    float max, sum;
};
template <bool B>
SS_DEVICE ss_peak ss_row_peak(const void *x, ss_dtype t, int64_t at, int64_t d, int64_t step)
{
    float max = -INFINITY, sum = 0;
    SS_EACH_OF(B, k, d) max = fmaxf(max, ss_load(x, t, at + k * step));
    max = ss_row_max<B>(max);
    SS_EACH_OF(B, k, d) sum += expf(ss_load(x, t, at + k * step) - max);
    const ss_peak p = {max, ss_row_sum<B>(sum)};
    return p;
}
#endif
