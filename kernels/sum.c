/* sum.c — sum over axes. */
#include "support/sums.h"

static ss_status infer(ss_call *c)
{
    const ss_dtype t = c->in[0].dtype;
    return ss_infer_reduce(c, 0, ss_is_float(t) ? t : SS_I64, &c->attr[0], c->attr[1].v[0] != 0);
}

static ss_status cpu(ss_call *c)
{
    return ss_sum_into(c, &c->attr[0], 1);
}

static void grad(ss_grad *g) /* dx = dy, repeated */
{
    const ss_view *x = &g->in_view[0];
    const ss_attr kept = ss_kept_shape(x, &g->attr[0]), shape = ss_ints(x->ndim, x->shape);
    ss_tensor *dy = ss_g(g, "reshape", 1, (ss_tensor *[]){g->dy[0]}, 1, &kept);
    ss_dx(g, 0, ss_g(g, "expand", 1, &dy, 1, &shape));
}

const ss_op SS_OP(sum) = {
    .name = "sum",
    .sig = "x: any, dims?: dims, keepdim: bool = false",
    .doc = "Sum over dims (absent: all axes), accumulated in f64. Integers and bool give i64.",
    .infer = infer,
    .plan = ss_plan_reduce,
    .plan_cuda = ss_plan_fold,
    .cpu = cpu,
    .grad = grad,
};
