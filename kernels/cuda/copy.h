/* copy.h — copies between views of any strides and types. */
#ifndef SEMISAM_CUDA_COPY_H
#define SEMISAM_CUDA_COPY_H
#include "cuda.h"

/* ss_copy_view() — dst := src, element types converted; src broadcasts to dst; any strides,
 * negative ones too. Defined beside the twin of `copy`. */
ss_status ss_copy_view(ss_call *c, ss_gpu *g, const ss_view *dst, const ss_view *src);

/* Keeps entries start, start + step, ... (n of them) of one axis; step may be negative. */
static inline ss_view ss_cut_view(ss_view v, int axis, int64_t start, int64_t n, int64_t step)
{
    if (v.data && n > 0)
        v.data = (char *)v.data + start * v.stride[axis] * (int64_t)ss_dtype_bytes(v.dtype);
    v.count = v.shape[axis] ? v.count / v.shape[axis] * n : 0;
    v.shape[axis] = n;
    v.stride[axis] *= step;
    return v;
}
#endif
