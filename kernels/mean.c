/* mean.c — mean over axes. */
#include "support/sums.h"

static ss_status infer(ss_call *c)
{
    const ss_dtype t = c->in[0].dtype;
    return ss_infer_reduce(c, 0, ss_is_float(t) ? t : SS_F32, &c->attr[0], c->attr[1].v[0] != 0);
}

static ss_status cpu(ss_call *c)
{
    const int64_t n = ss_fold_count(&c->in[0], &c->attr[0]);
    if (n == 0) return ss_fill_nan(c);
    return ss_sum_into(c, &c->attr[0], 1.0 / (double)n);
}

static void grad(ss_grad *g) /* dx = dy / n, repeated */
{
    const ss_view *x = &g->in_view[0];
    const ss_attr kept = ss_kept_shape(x, &g->attr[0]), shape = ss_ints(x->ndim, x->shape);
    const ss_attr scale = ss_num(1.0 / (double)ss_fold_count(x, &g->attr[0]));
    ss_tensor *dy = ss_g(g, "_scale", 1, (ss_tensor *[]){g->dy[0]}, 1, &scale);
    dy = ss_g(g, "reshape", 1, &dy, 1, &kept);
    ss_dx(g, 0, ss_g(g, "expand", 1, &dy, 1, &shape));
}

const ss_op SS_OP(mean) = {
    .name = "mean",
    .sig = "x: any, dims?: dims, keepdim: bool = false",
    .doc =
        "Mean over dims (absent: all axes), accumulated in f64; NaN of nothing. Integers and bool "
        "give f32.",
    .infer = infer,
    .plan = ss_plan_reduce,
    .plan_cuda = ss_plan_fold,
    .cpu = cpu,
    .grad = grad,
};
