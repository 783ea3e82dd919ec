/* conv_patch.h — convolutions of few channels whose kernels do not overlap, as matrix products. */
#ifndef SEMISAM_CONV_PATCH_H
#define SEMISAM_CONV_PATCH_H
#include "conv.h"
#include "mm.h"

/* The product of the call, on rows of x. */
void ss_conv_patch_product(const ss_conv *q, const ss_conv_args *a, ss_dtype compute, ss_mm *m);
/* Scratch bytes for the rows of an x of type t; ss_mm_plan's come after them. */
size_t ss_conv_patch_bytes(const ss_conv *q, ss_dtype t);
/* Computes y, or the weight gradient without that of the bias. */
ss_status ss_conv_patch_run(ss_call *c, const ss_conv *q, const ss_conv_args *a, const ss_mm *m,
                            void *scratch);
#endif
