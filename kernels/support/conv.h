/* conv.h — what the convolution ops share on the processor: checks, oneDNN calls and plain
 * loops. conv_shape.h says what x, w and y are. */
#ifndef SEMISAM_CONV_H
#define SEMISAM_CONV_H
#include "conv_shape.h"
#include "dnn.h"

/* Reads stride, pad, dilation and groups (attributes at, at+1, at+2, at+3) and checks them. */
ss_status ss_conv_attrs(ss_call *c, ss_conv *q, int nd, int at);
/* Checks x, w, b against each other and gives sizes: y of a convolution of x. */
ss_status ss_conv_forward(ss_call *c, ss_conv *q, const ss_view *x, const ss_view *w,
                          const ss_view *b);
/* x of a convolution whose result is y: `extra` are the positions at the far end that no kernel
 * reaches from a full step (output_pad). */
ss_status ss_conv_backward(ss_call *c, ss_conv *q, const ss_view *y, const ss_view *w,
                           const ss_view *b, const int64_t extra[3]);
/* Fills sizes from a known x and y and kernel sizes; fails when they do not belong together. */
ss_status ss_conv_between(ss_call *c, ss_conv *q, const ss_view *x, const ss_view *y,
                          const int64_t *kernel);
/* Shape of x, y or w. */
int ss_conv_shape(const ss_conv *q, ss_conv_result which, int64_t shape[SS_MAX_DIM]);
double ss_conv_flops(const ss_conv *q);

/* Scratch bytes for ss_conv_run; *fast says whether oneDNN does it. */
ss_status ss_conv_plan(ss_call *c, const ss_conv *q, const ss_conv_args *a, size_t *bytes,
                       bool *fast);
/* *fast is false, and nothing done, where the plain loops have to do it. The weight gradient
 * of 1x1 kernels and of patches leaves the bias gradient to the caller. */
ss_status ss_conv_run(ss_call *c, const ss_conv *q, const ss_conv_args *a, void *scratch,
                      bool *fast);

/* The plain loops on f32: the oracle, and the way where oneDNN has no fast code. */
void ss_conv_plain_y(const ss_conv *q, const float *x, const float *w, const float *b, float *y);
void ss_conv_plain_x(const ss_conv *q, const float *y, const float *w, const float *b, float *x);
void ss_conv_plain_w(const ss_conv *q, const float *x, const float *y, float *w);

/* Few channels and kernels side by side: see conv_patch.h. */
bool ss_conv_patches(const ss_conv *q, ss_conv_result result);
#endif
