/* _conv2d_dx.c — gradient of conv2d's x. */
#include "support/conv_op.h"
#include "support/cuda_conv.h"

static ss_status of(ss_call *c, ss_conv *q, ss_conv_args *a)
{
    int64_t extra[3] = {0};
    ss_status st = ss_conv_attrs(c, q, 2, 1);
    if (!st) st = ss_conv_backward(c, q, &c->in[0], &c->in[1], NULL, extra);
    *a = (ss_conv_args){SS_CONV_X, &c->out[0], &c->in[1], NULL, &c->in[0]};
    for (int i = 0; i < 2 && !st; i++) {
        const int k = i + 3 - 2;
        const int64_t size = c->attr[0].v[i], more = size - q->x[k];
        if (q->y[k] > 0 && (more < 0 || more >= q->step[k]))
            st = ss_fail(c, SS_E_SHAPE, "expected size from %lld to %lld on axis %d, got %lld",
                         (long long)q->x[k], (long long)(q->x[k] + q->step[k] - 1), i + 2,
                         (long long)size);
        q->x[k] = size;
    }
    return st;
}

static ss_status infer(ss_call *c)
{
    ss_conv q;
    ss_conv_args a;
    int64_t shape[SS_MAX_DIM];
    ss_status st = of(c, &q, &a);
    if (st) return st;
    return ss_out(c, 0, c->in[0].dtype, ss_conv_shape(&q, SS_CONV_X, shape), shape);
}

static ss_status plan(ss_call *c)
{
    ss_conv q;
    ss_conv_args a;
    ss_status st = of(c, &q, &a);
    return st ? st : ss_conv_op_plan(c, &q, &a);
}

static ss_status plan_cuda(ss_call *c)
{
    ss_conv q;
    ss_conv_args a;
    ss_status st = of(c, &q, &a);
    return st ? st : ss_conv_plan_cuda(c, &q, &a);
}

static ss_status cpu(ss_call *c)
{
    ss_conv q;
    ss_conv_args a;
    ss_status st = of(c, &q, &a);
    return st ? st : ss_conv_op_cpu(c, &q, &a);
}

static double flops(const ss_call *c)
{
    ss_conv q;
    ss_conv_args a;
    ss_call copy = *c;
    return of(&copy, &q, &a) ? 0 : ss_conv_flops(&q);
}

const ss_op SS_OP(_conv2d_dx) = {
    .name = "_conv2d_dx",
    .sig = "dy: float, weight: float, size: int2, stride: int2 = 1, pad: int2 = 0, "
           "dilation: int2 = 1, groups: int = 1",
    .doc = "Gradient of conv2d with respect to x, whose spatial size is `size`.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flops = flops,
    .flags = SS_OP_NO_GRAD,
};
