/* conv.h — what the convolution ops share: geometry, checks, oneDNN calls and plain loops.
 *
 * All of them are one correspondence between x [n, size.., c], w [o, c/groups, k..] and
 * y [n, size.., o], channels last: forward computes y, _dx computes x, _dw computes w. A
 * transposed convolution is _dx with the names of x and y exchanged. Two-dimensional ops have
 * depth 1 in front. */
#ifndef SEMISAM_CONV_H
#define SEMISAM_CONV_H
#include "dnn.h"

typedef struct ss_conv {
    int nd; /* 2 or 3 */
    int64_t n, c, o, groups;
    int64_t x[3], k[3], y[3], step[3], pad[3], dilation[3];
} ss_conv;

typedef enum { SS_CONV_Y, SS_CONV_X, SS_CONV_W } ss_conv_result;

/* The tensors of one call. w may be kept packed when it is `constant` and not the result. */
typedef struct ss_conv_args {
    ss_conv_result result;
    const ss_view *x, *w, *b, *y; /* b: NULL or absent where there is none */
} ss_conv_args;

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
/* *fast is false, and nothing done, where the plain loops have to do it. A 1x1 weight gradient
 * leaves the bias gradient to the caller. */
ss_status ss_conv_run(ss_call *c, const ss_conv *q, const ss_conv_args *a, void *scratch,
                      bool *fast);

/* The plain loops on f32: the oracle, and the way where oneDNN has no fast code. */
void ss_conv_plain_y(const ss_conv *q, const float *x, const float *w, const float *b, float *y);
void ss_conv_plain_x(const ss_conv *q, const float *y, const float *w, const float *b, float *x);
void ss_conv_plain_w(const ss_conv *q, const float *x, const float *y, float *w);

static inline int64_t ss_conv_volume(const int64_t v[3])
{
    return v[0] * v[1] * v[2];
}
/* One kernel per channel of a volume: see depthwise.h. */
static inline bool ss_conv_depthwise3(const ss_conv *q)
{
    return q->nd == 3 && q->groups > 1 && q->groups == q->c && q->groups == q->o &&
           q->k[0] * q->k[1] <= 64;
}
/* A product over channels, position by position. */
static inline bool ss_conv_pointwise(const ss_conv *q)
{
    for (int i = 0; i < 3; i++)
        if (q->k[i] != 1 || q->step[i] != 1 || q->pad[i] != 0) return false;
    return q->groups == 1;
}
#endif
