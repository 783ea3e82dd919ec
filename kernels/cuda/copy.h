/* copy.h — copies between views of any strides and types. */
#ifndef SEMISAM_CUDA_COPY_H
#define SEMISAM_CUDA_COPY_H
#include "elementwise.h"

SS_EW1(ss_keep_f32, float, float, a)
SS_EW1(ss_keep_i64, int64_t, int64_t, a)

/* dst := src, element types converted; src broadcasts to dst. */
static inline ss_status ss_copy_view(ss_call *c, ss_gpu *g, const ss_view *dst, const ss_view *src)
{
    return ss_is_float(src->dtype) ? ss_ew_run<ss_keep_f32, 1>(c, g, dst, src, nullptr)
                                   : ss_ew_run<ss_keep_i64, 1>(c, g, dst, src, nullptr);
}
#endif
