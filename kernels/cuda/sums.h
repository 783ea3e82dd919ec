/* sums.h — the CUDA twin of support/sums.h: folding by addition. Floats are added in f64. */
#ifndef SEMISAM_CUDA_SUMS_H
#define SEMISAM_CUDA_SUMS_H
#include "reduce.h"

struct ss_fold_sum {
    typedef float T;
    typedef double A;
    void *y;
    ss_dtype type;
    double scale;
    __device__ A zero() const
    {
        return 0;
    }
    __device__ void start(int64_t, T)
    {
    }
    __device__ void add(A &a, T x, int64_t) const
    {
        a += (double)x;
    }
    __device__ void merge(A &a, const A &b) const
    {
        a += b;
    }
    __device__ void finish(const ss_fold_call &, int64_t r, const A &a) const
    {
        ss_write(y, type, r, (float)(a * scale));
    }
};
/* Unsigned: integer sums wrap instead of being undefined. */
struct ss_fold_sum_int {
    typedef uint64_t T;
    typedef uint64_t A;
    void *y;
    ss_dtype type;
    __device__ A zero() const
    {
        return 0;
    }
    __device__ void start(int64_t, T)
    {
    }
    __device__ void add(A &a, T x, int64_t) const
    {
        a += x;
    }
    __device__ void merge(A &a, const A &b) const
    {
        a += b;
    }
    __device__ void finish(const ss_fold_call &, int64_t r, const A &a) const
    {
        ss_write(y, type, r, (int64_t)a);
    }
};

/* y = sum of a contiguous x over dims, times scale. */
static inline ss_status ss_fold_add(ss_call *c, ss_gpu *g, const ss_view *y, const ss_view *x,
                                    const ss_attr *dims, double scale)
{
    const ss_fold_sum how = {y->data, y->dtype, scale};
    return ss_fold_run(c, g, x, dims, how, c->scratch);
}
#endif
