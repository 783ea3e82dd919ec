/* conv3d.c — volume convolution, channels last. */
#include "support/conv_op.h"
#include "support/cuda_conv.h"

enum { NONE, GELU }; /* values of act */

static ss_status of(ss_call *c, ss_conv *q, ss_conv_args *a)
{
    ss_status st = ss_conv_attrs(c, q, 3, 0);
    if (!st) st = ss_conv_forward(c, q, &c->in[0], &c->in[1], &c->in[2]);
    *a = (ss_conv_args){SS_CONV_Y, &c->in[0], &c->in[1], &c->in[2], &c->out[0]};
    q->gelu = c->attr[4].v[0] == GELU;
    return st;
}

static ss_status infer(ss_call *c)
{
    ss_conv q;
    ss_conv_args a;
    int64_t shape[SS_MAX_DIM];
    ss_status st = of(c, &q, &a);
    if (st) return st;
    return ss_out(c, 0, c->in[0].dtype, ss_conv_shape(&q, SS_CONV_Y, shape), shape);
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

/* dz of y = act(z), with z computed again: training keeps nothing of the size of y. */
static ss_tensor *before_act(ss_grad *g)
{
    if (g->attr[4].v[0] == NONE) return g->dy[0];
    ss_attr a[5];
    memcpy(a, g->attr, sizeof a);
    a[4].v[0] = NONE;
    a[4].num = 0;
    a[4].str = "none";
    return ss_g2(g, "_gelu_dx", g->dy[0], ss_g(g, "conv3d", 3, g->in, 5, a));
}

static void grad(ss_grad *g)
{
    const ss_attr *a = g->attr;
    if (!g->need[0] && !g->need[1] && !g->need[2]) return;
    ss_tensor *dz = before_act(g);
    if (g->need[0]) {
        const ss_attr size = ss_ints(3, g->in_view[0].shape + 1);
        ss_dx(g, 0,
              ss_g(g, "_conv3d_dx", 2, (ss_tensor *[]){dz, g->in[1]}, 5,
                   (ss_attr[]){size, a[0], a[1], a[2], a[3]}));
    }
    if (g->need[1] || g->need[2]) {
        ss_tensor *outs[SS_MAX_OUT] = {0};
        const ss_attr kernel = ss_ints(3, g->in_view[1].shape + 2), bias = ss_int(g->need[2]);
        if (!ss_gn(g, "_conv3d_dw", 2, (ss_tensor *[]){g->in[0], dz}, 6,
                   (ss_attr[]){kernel, bias, a[0], a[1], a[2], a[3]}, outs))
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
    return of(&copy, &q, &a) ? 0 : ss_conv_flops(&q);
}

const ss_op SS_OP(conv3d) = {
    .name = "conv3d",
    .sig = "x: float, weight: float, bias?: float, stride: int3 = 1, pad: int3 = 0, "
           "dilation: int3 = 1, groups: int = 1, act: enum(none|gelu) = none",
    .doc =
        "act of the volume convolution of x [n, d, h, w, in] with weight [out, in/groups, kd, kh, "
        "kw]; zeros around it. gelu is the exact one (erf). Computes in x's element type.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .grad = grad,
    .flops = flops,
    .saves = SS_SAVE_IN(0) | SS_SAVE_IN(1) | SS_SAVE_IN(2),
};
