/* conv_shape.h — the geometry of a convolution, for the processor and for the CUDA twins.
 *
 * All of the ops are one correspondence between x [n, size.., c], w [o, c/groups, k..] and
 * y [n, size.., o], channels last: forward computes y, _dx computes x, _dw computes w. A
 * transposed convolution is _dx with the names of x and y exchanged. Two-dimensional ops have
 * depth 1 in front. */
#ifndef SEMISAM_CONV_SHAPE_H
#define SEMISAM_CONV_SHAPE_H
#include "../op.h"

typedef struct ss_conv {
    int nd; /* 2 or 3 */
    int64_t n, c, o, groups;
    int64_t x[3], k[3], y[3], step[3], pad[3], dilation[3];
    bool gelu;  /* y = gelu(...); not for the other results */
    bool twice; /* the tensor x has half of x[1] and x[2]: its rows and columns count twice */
} ss_conv;

typedef enum { SS_CONV_Y, SS_CONV_X, SS_CONV_W } ss_conv_result;

/* The tensors of one call. w may be kept packed when it is `constant` and not the result. */
typedef struct ss_conv_args {
    ss_conv_result result;
    const ss_view *x, *w, *b, *y; /* b: NULL or absent where there is none */
} ss_conv_args;

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
