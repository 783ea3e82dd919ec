/* _twice_conv3d.c — convolution of a volume enlarged by repetition, which is never made. */
#include "support/twice.h"

static ss_status of(ss_call *c, ss_conv *q, ss_conv_args *a)
{
    const ss_view x = ss_twice_view(&c->in[0]);
    *q = ss_twice(c, 0);
    *a = (ss_conv_args){SS_CONV_Y, &c->in[0], &c->in[1], &c->in[2], &c->out[0]};
    return ss_conv_forward(c, q, &x, &c->in[1], &c->in[2]);
}

static ss_status infer(ss_call *c)
{
    ss_conv q;
    ss_conv_args a;
    int64_t shape[SS_MAX_DIM];
    ss_status st = of(c, &q, &a);
    return st ? st : ss_out(c, 0, c->in[0].dtype, ss_conv_shape(&q, SS_CONV_Y, shape), shape);
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

static void grad(ss_grad *g)
{
    if (g->need[0])
        ss_dx(g, 0,
              ss_g(g, "_twice_conv3d_dx", 2, (ss_tensor *[]){g->dy[0], g->in[1]}, 1, g->attr));
    if (g->need[1] || g->need[2]) {
        ss_tensor *outs[SS_MAX_OUT] = {0};
        const ss_attr kernel = ss_ints(3, g->in_view[1].shape + 2), bias = ss_int(g->need[2]);
        if (!ss_gn(g, "_twice_conv3d_dw", 2, (ss_tensor *[]){g->in[0], g->dy[0]}, 3,
                   (ss_attr[]){kernel, bias, g->attr[0]}, outs))
            return;
        ss_dx(g, 1, outs[0]);
        ss_dx(g, 2, outs[1]);
    }
}

static double flops(const ss_call *c)
{
    ss_conv q;
    ss_conv_args a;
    ss_call copy = *c;
    return of(&copy, &q, &a) ? 0 : ss_twice_flops(&q, &a);
}

const ss_op SS_OP(_twice_conv3d) = {
    .name = "_twice_conv3d",
    .sig = "x: float, weight: float, bias?: float, pad: int3 = 1",
    .doc =
        "conv3d of x [n, d, h, w, in] with its rows and columns repeated twice, weight [out, in, "
        "kd, kh, kw] and stride 1. For f32 with 8 channels or more and 3x3 in the plane the large "
        "volume is never made.",
    .infer = infer,
    .plan = plan,
    .cpu = cpu,
    .grad = grad,
    .flops = flops,
    .saves = SS_SAVE_IN(0) | SS_SAVE_IN(1) | SS_SAVE_IN(2),
};
