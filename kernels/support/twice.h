/* twice.h — what the _twice_conv3d ops share: convolutions at stride 1 of an x whose rows and columns
 * count twice, by the code of winograd.h alone. */
#ifndef SEMISAM_TWICE_H
#define SEMISAM_TWICE_H
#include "conv_op.h"

/* Only pad is an attribute, number `at`. */
static inline ss_conv ss_twice(const ss_call *c, int at)
{
    ss_conv q = {.nd = 3, .groups = 1, .twice = true};
    for (int i = 0; i < 3; i++) {
        q.step[i] = q.dilation[i] = 1;
        q.pad[i] = c->attr[at].v[i];
    }
    return q;
}

/* x [n, d, h, w, c] as what it stands for. */
static inline ss_view ss_twice_view(const ss_view *x)
{
    ss_view v = *x;
    for (int i = 2; i < 4 && v.ndim == 5; i++) v.shape[i] *= 2;
    return v;
}

/* Fails where there is no such code. Call it with x, w and y or their gradients all known. */
static inline ss_status ss_twice_check(ss_call *c, const ss_conv *q, const ss_conv_args *a)
{
    if (ss_conv_tiled(q, a)) return SS_OK;
    return ss_fail(c, SS_E_ARG,
                   "expected f32, 8 channels and 4 slices or more, a kernel of 3x3 in the plane "
                   "with pad 1 there, and a processor of level x86-64-v4; use conv3d of the resized "
                   "x for others");
}

static inline ss_status ss_twice_plan(ss_call *c, const ss_conv *q, const ss_conv_args *a)
{
    ss_status st = ss_twice_check(c, q, a);
    return st ? st : ss_conv_op_plan(c, q, a);
}

static inline ss_status ss_twice_cpu(ss_call *c, const ss_conv *q, const ss_conv_args *a)
{
    ss_status st = ss_twice_check(c, q, a);
    return st ? st : ss_conv_op_cpu(c, q, a);
}
#endif
