/* linear.c — y = act(x W^T + b) + residual, all in one pass over y. */
#include "cpu.h"
#include "support/cuda_product.h"
#include "support/mm.h"

static void of(const ss_call *c, ss_mm *q)
{
    const ss_view *x = &c->in[0], *w = &c->in[1], *b = &c->in[2];
    *q = (ss_mm){.batch = 1,
                 .m = 1,
                 .k = w->shape[1],
                 .n = w->shape[0],
                 .w_transposed = true,
                 .w_parameter = true,
                 .act = (ss_act)c->attr[0].v[0],
                 .compute = ss_dnn_compute(x->dtype),
                 .x_type = x->dtype,
                 .w_type = w->dtype,
                 .b_type = b->dtype,
                 .y_type = x->dtype,
                 .bias = b->present,
                 .residual = c->in[3].present,
                 .w = w};
    for (int i = 0; i < x->ndim - 1; i++) q->m *= x->shape[i];
}

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0], *w = &c->in[1], *b = &c->in[2];
    int64_t shape[SS_MAX_DIM];
    if (w->ndim != 2)
        return ss_fail(c, SS_E_SHAPE, "expected weight with 2 axes [out, in], got %d", w->ndim);
    if (x->ndim < 1 || x->shape[x->ndim - 1] != w->shape[1])
        return ss_fail(c, SS_E_SHAPE, "expected x with %lld features on its last axis, got %lld",
                       (long long)w->shape[1], (long long)(x->ndim ? x->shape[x->ndim - 1] : 0));
    if (b->present && (b->ndim != 1 || b->shape[0] != w->shape[0]))
        return ss_fail(c, SS_E_SHAPE, "expected bias of %lld values on one axis",
                       (long long)w->shape[0]);
    for (int i = 0; i < x->ndim; i++) shape[i] = x->shape[i];
    shape[x->ndim - 1] = w->shape[0];
    const ss_view *r = &c->in[3];
    bool fits = !r->present || (r->ndim == x->ndim && r->dtype == x->dtype);
    for (int i = 0; r->present && fits && i < x->ndim; i++) fits = r->shape[i] == shape[i];
    if (!fits)
        return ss_fail(c, SS_E_SHAPE, "residual must have the shape of the result and x's type");
    return ss_out(c, 0, x->dtype, x->ndim, shape);
}

static ss_status plan(ss_call *c)
{
    ss_mm q;
    of(c, &q);
    return ss_mm_plan(c, &q, &c->scratch_bytes);
}

static ss_status plan_cuda(ss_call *c)
{
    const ss_product p = ss_product_linear(c);
    c->scratch_bytes = ss_product_plan(c, &p);
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    ss_mm q;
    of(c, &q);
    return ss_mm_run(c, &q, c->in[0].data, c->in[1].data, c->in[2].data, c->in[3].data,
                     c->out[0].data, c->scratch);
}

/* The residual gets dy; dz = dy act'(z) with z computed again, so that training keeps x and nothing
 * of the size of y; dx = dz W; dW = dz^T x; db = sum dz. */
static void grad(ss_grad *g)
{
    ss_tensor *dz = g->dy[0];
    if (g->need[3]) ss_dx(g, 3, dz);
    if (!g->need[0] && !g->need[1] && !g->need[2]) return;
    if (g->attr[0].v[0] != SS_ACT_NONE) {
        ss_attr none = g->attr[0];
        none.v[0] = SS_ACT_NONE;
        none.num = 0;
        none.str = "none";
        ss_tensor *z = ss_g(g, "linear", 3, g->in, 1, &none);
        dz = ss_g(g, "_linear_dz", 2, (ss_tensor *[]){z, dz}, 1, g->attr);
    }
    if (g->need[0]) ss_dx(g, 0, ss_g2(g, "_linear_dx", dz, g->in[1]));
    if (g->need[1] || g->need[2]) {
        ss_tensor *outs[SS_MAX_OUT] = {0};
        ss_attr bias = ss_int(g->need[2]);
        if (!ss_gn(g, "_linear_dw", 2, (ss_tensor *[]){g->in[0], dz}, 1, &bias, outs)) return;
        ss_dx(g, 1, outs[0]);
        ss_dx(g, 2, outs[1]);
    }
}

static double flops(const ss_call *c)
{
    ss_mm q;
    of(c, &q);
    return 2.0 * (double)q.m * (double)q.n * (double)q.k;
}

const ss_op SS_OP(linear) = {
    .name = "linear",
    .sig = "x: float, weight: float, bias?: float, residual?: float, act: "
           "enum(none|gelu|relu|silu) = none",
    .doc =
        "act(x weight^T + bias) + residual on the last axis: x [..., in], weight [out, in], bias "
        "[out], residual [..., out]. gelu is the exact one (erf). Computes in x's element type.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .grad = grad,
    .flops = flops,
    .saves = SS_SAVE_IN(0) | SS_SAVE_IN(1) | SS_SAVE_IN(2),
};
