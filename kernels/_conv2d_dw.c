/* _conv2d_dw.c — gradients of conv2d's weight and bias. */
#include "support/conv_op.h"
#include "support/cuda_conv.h"

static ss_status of(ss_call *c, ss_conv *q, ss_conv_args *a)
{
    ss_status st = ss_conv_attrs(c, q, 2, 2);
    if (!st) st = ss_conv_between(c, q, &c->in[0], &c->in[1], c->attr[0].v);
    *a = (ss_conv_args){SS_CONV_W, &c->in[0], &c->out[0], c->attr[1].v[0] ? &c->out[1] : NULL,
                        &c->in[1]};
    return st;
}

static ss_status infer(ss_call *c)
{
    ss_conv q;
    ss_conv_args a;
    int64_t shape[SS_MAX_DIM];
    ss_status st = of(c, &q, &a);
    if (st) return st;
    const int64_t bias = a.b ? q.o : 0;
    st = ss_out(c, 0, SS_F32, ss_conv_shape(&q, SS_CONV_W, shape), shape);
    return st ? st : ss_out(c, 1, SS_F32, 1, &bias);
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

const ss_op SS_OP(_conv2d_dw) = {
    .name = "_conv2d_dw",
    .sig = "x: float, dy: float, kernel: int2, bias: bool = false, stride: int2 = 1, "
           "pad: int2 = 0, dilation: int2 = 1, groups: int = 1",
    .doc = "Gradients of conv2d with respect to weight [out, in/groups, kh, kw] and bias [out] "
           "(empty unless asked for), f32.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flops = flops,
    .flags = SS_OP_NO_GRAD,
    .nout = 2,
};
