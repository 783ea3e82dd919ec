/* _twice_conv3d_dw.c — gradients of _twice_conv3d's weight and bias. */
#include "support/twice.h"

static ss_status of(ss_call *c, ss_conv *q, ss_conv_args *a)
{
    const ss_view x = ss_twice_view(&c->in[0]);
    *q = ss_twice(c, 2);
    *a = (ss_conv_args){SS_CONV_W, &c->in[0], &c->out[0], c->attr[1].v[0] ? &c->out[1] : NULL,
                        &c->in[1]};
    return ss_conv_between(c, q, &x, &c->in[1], c->attr[0].v);
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

const ss_op SS_OP(_twice_conv3d_dw) = {
    .name = "_twice_conv3d_dw",
    .sig = "x: float, dy: float, kernel: int3, bias: bool = false, pad: int3 = 1",
    .doc = "Gradients of _twice_conv3d with respect to weight [out, in, kd, kh, kw] and bias [out] "
           "(empty unless asked for), f32.",
    .infer = infer,
    .plan = plan,
    .cpu = cpu,
    .flops = flops,
    .flags = SS_OP_NO_GRAD,
    .nout = 2,
};
