/* winograd.h — 3x3 kernels at stride 1 in fewer products (Winograd 1980; Lavin and Gray 2016, "Fast
 * algorithms for convolutional neural networks").
 *
 * A tile of 2x2 results in the plane needs 16 products of a sum of 4x4 values of x with a sum of
 * the 3x3 weights, in place of 36; depth goes the plain way. 9 do where rows and columns of x count
 * twice (ss_conv.twice). All is f32. What is added around the products has two to four terms, so
 * errors stay those of f32 sums; docs/design/performance.md has them.
 *
 * The 16 products of all tiles are 16 matrix products, which are our own code (winograd_block.h):
 * a depth column of a tile is a row after row, so that the kernel's depth is no copy. It is
 * compiled for x86-64-v4; conv_op.h asks for it from code of that level only. */
#ifndef SEMISAM_WINOGRAD_H
#define SEMISAM_WINOGRAD_H
#include "conv_shape.h"

/* Whether it is the way for this call: f32, enough channels and depth to pay. */
bool ss_winograd_serves(const ss_conv *q, const ss_conv_args *a);
/* Scratch for ss_winograd_run. */
size_t ss_winograd_bytes(const ss_conv *q, const ss_conv_args *a);
/* y or x, with a bias, or w: the caller computes the gradient of the bias. */
void ss_winograd_run(const ss_conv *q, const ss_conv_args *a, void *scratch);
#endif
