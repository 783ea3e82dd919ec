/* conv_transpose2d.c — transposed two-dimensional convolution, channels last.
 *
 * It is the data gradient of a convolution whose weight is [in, out/groups, kh, kw], so it runs
 * as one; its own gradients are the convolution and the convolution's weight gradient with x and
 * dy exchanged. */
#include "support/conv_op.h"
#include "support/cuda_conv.h"

/* Attributes are stride, pad, output_pad, groups, dilation: the shared code wants stride, pad,
 * dilation, groups. */
static void reorder(const ss_attr *a, ss_attr out[4])
{
    out[0] = a[0];
    out[1] = a[1];
    out[2] = a[4];
    out[3] = a[3];
}

static ss_status of(ss_call *c, ss_conv *q, ss_conv_args *a)
{
    ss_attr attr[4];
    ss_call copy = *c;
    int64_t extra[3] = {0};
    reorder(c->attr, attr);
    copy.attr = attr;
    for (int i = 0; i < 2; i++) extra[i + 3 - 2] = c->attr[2].v[i];
    ss_status st = ss_conv_attrs(&copy, q, 2, 0);
    if (!st) st = ss_conv_backward(c, q, &c->in[0], &c->in[1], &c->in[2], extra);
    *a = (ss_conv_args){SS_CONV_X, &c->out[0], &c->in[1], &c->in[2], &c->in[0]};
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

static void grad(ss_grad *g)
{
    ss_attr a[4];
    ss_tensor *dy = g->dy[0];
    reorder(g->attr, a);
    if (g->need[0]) ss_dx(g, 0, ss_g(g, "conv2d", 3, (ss_tensor *[]){dy, g->in[1], NULL}, 4, a));
    if (g->need[1]) {
        const ss_attr kernel = ss_ints(2, g->in_view[1].shape + 2);
        ss_dx(g, 1,
              ss_g(g, "_conv2d_dw", 2, (ss_tensor *[]){dy, g->in[0]}, 6,
                   (ss_attr[]){kernel, ss_int(0), a[0], a[1], a[2], a[3]}));
    }
    if (g->need[2]) ss_dx(g, 2, ss_g1(g, "_bias_db", dy));
}

static double flops(const ss_call *c)
{
    ss_conv q;
    ss_conv_args a;
    ss_call copy = *c;
    return of(&copy, &q, &a) ? 0 : ss_conv_flops(&q);
}

const ss_op SS_OP(conv_transpose2d) = {
    .name = "conv_transpose2d",
    .sig = "x: float, weight: float, bias?: float, stride: int2 = 1, pad: int2 = 0, "
           "output_pad: int2 = 0, groups: int = 1, dilation: int2 = 1",
    .doc = "Transposed two-dimensional convolution of x [n, h, w, in] with weight "
           "[in, out/groups, kh, kw]; size (x - 1) stride - 2 pad + dilation (k - 1) + 1 + "
           "output_pad.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .grad = grad,
    .flops = flops,
    .saves = SS_SAVE_IN(0) | SS_SAVE_IN(1),
};
