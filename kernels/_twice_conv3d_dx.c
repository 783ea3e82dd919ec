/* _twice_conv3d_dx.c — gradient of _twice_conv3d's x. */
#include "support/twice.h"

static ss_status of(ss_call *c, ss_conv *q, ss_conv_args *a)
{
    const int64_t none[3] = {0};
    *q = ss_twice(c, 0);
    *a = (ss_conv_args){SS_CONV_X, &c->out[0], &c->in[1], NULL, &c->in[0]};
    ss_status st = ss_conv_backward(c, q, &c->in[0], &c->in[1], NULL, none);
    if (!st && (q->x[1] % 2 || q->x[2] % 2))
        st = ss_fail(c, SS_E_SHAPE,
                     "expected dy of an even number of rows and columns of x, got "
                     "%lld and %lld",
                     (long long)q->x[1], (long long)q->x[2]);
    return st;
}

static ss_status infer(ss_call *c)
{
    ss_conv q;
    ss_conv_args a;
    int64_t shape[SS_MAX_DIM];
    ss_status st = of(c, &q, &a);
    if (st) return st;
    const int n = ss_conv_shape(&q, SS_CONV_X, shape);
    shape[2] /= 2;
    shape[3] /= 2;
    return ss_out(c, 0, c->in[0].dtype, n, shape);
}

static ss_status plan(ss_call *c)
{
    ss_conv q;
    ss_conv_args a;
    ss_status st = of(c, &q, &a);
    return st ? st : ss_twice_plan(c, &q, &a);
}

static ss_status cpu(ss_call *c)
{
    ss_conv q;
    ss_conv_args a;
    ss_status st = of(c, &q, &a);
    return st ? st : ss_twice_cpu(c, &q, &a);
}

static double flops(const ss_call *c)
{
    ss_conv q;
    ss_conv_args a;
    ss_call copy = *c;
    return of(&copy, &q, &a) ? 0 : ss_twice_flops(&q, &a);
}

const ss_op SS_OP(_twice_conv3d_dx) = {
    .name = "_twice_conv3d_dx",
    .sig = "dy: float, weight: float, pad: int3 = 1",
    .doc = "Gradient of _twice_conv3d with respect to x.",
    .infer = infer,
    .plan = plan,
    .cpu = cpu,
    .flops = flops,
    .flags = SS_OP_NO_GRAD,
};
