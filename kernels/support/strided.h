/* strided.h — runs of any element type, and copies between views of any strides. */
#ifndef SEMISAM_STRIDED_H
#define SEMISAM_STRIDED_H
#include "elementwise.h"
#include "nearest.h"

/* n elements of type t, `stride` elements apart, to a dense array of the working type, and back.
 * Floats become integers by rounding to nearest even; integers saturate; NaN becomes 0. */
void ss_load_run(void *dst, ss_as as, const void *src, ss_dtype t, int64_t stride, int64_t n);
void ss_store_run(void *dst, ss_dtype t, int64_t stride, const void *src, ss_as as, int64_t n);

/* dst := src, element types converted; src broadcasts to dst's shape; any strides, negative ones
 * too. The two share no bytes unless they are the same view. */
void ss_copy_view(const ss_view *dst, const ss_view *src);

/* A view of a contiguous array of this shape. */
ss_view ss_view_of(void *data, ss_dtype t, int ndim, const int64_t *shape);
/* Keeps entries start, start + step, ... (n of them) of one axis; step may be negative. */
ss_view ss_view_slice(ss_view v, int axis, int64_t start, int64_t n, int64_t step);
/* Writes zeros to all of a contiguous view, in parallel. */
void ss_zero_view(const ss_view *v);
#endif
