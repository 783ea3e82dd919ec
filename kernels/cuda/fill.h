/* fill.h — one value for every element of a view. */
#ifndef SEMISAM_CUDA_FILL_H
#define SEMISAM_CUDA_FILL_H
#include "cuda.h"

/* ss_fill_view() — v := value, any strides. Integers take the nearest value (ties to even), bool
 * whether it is anything but zero. Defined beside the twin of `copy`. */
ss_status ss_fill_view(ss_call *c, ss_gpu *g, const ss_view *v, double value);
#endif
