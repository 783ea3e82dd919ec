/* _linear_dx.c — gradient of linear's x: dy W, through a kept packed W when it is frozen. */
#include "cpu.h"
#include "support/cuda_product.h"
#include "support/mm.h"

static void of(const ss_call *c, ss_mm *q)
{
    const ss_view *dy = &c->in[0], *w = &c->in[1];
    *q = (ss_mm){.batch = 1,
                 .m = 1,
                 .k = w->shape[0],
                 .n = w->shape[1],
                 .w_parameter = true,
                 .compute = ss_dnn_compute(dy->dtype),
                 .x_type = dy->dtype,
                 .w_type = w->dtype,
                 .y_type = dy->dtype,
                 .w = w};
    for (int i = 0; i < dy->ndim - 1; i++) q->m *= dy->shape[i];
}

static ss_status infer(ss_call *c)
{
    const ss_view *dy = &c->in[0], *w = &c->in[1];
    int64_t shape[SS_MAX_DIM];
    if (w->ndim != 2 || dy->ndim < 1 || dy->shape[dy->ndim - 1] != w->shape[0])
        return ss_fail(c, SS_E_SHAPE, "expected dy [..., out] and weight [out, in]");
    for (int i = 0; i < dy->ndim; i++) shape[i] = dy->shape[i];
    shape[dy->ndim - 1] = w->shape[1];
    return ss_out(c, 0, dy->dtype, dy->ndim, shape);
}

static ss_status plan(ss_call *c)
{
    ss_mm q;
    of(c, &q);
    return ss_mm_plan(c, &q, &c->scratch_bytes);
}

static ss_status plan_cuda(ss_call *c)
{
    const ss_product p = ss_product_linear_dx(c);
    c->scratch_bytes = ss_product_plan(c, &p);
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    ss_mm q;
    of(c, &q);
    return ss_mm_run(c, &q, c->in[0].data, c->in[1].data, NULL, NULL, c->out[0].data, c->scratch);
}

static double flops(const ss_call *c)
{
    ss_mm q;
    of(c, &q);
    return 2.0 * (double)q.m * (double)q.n * (double)q.k;
}

const ss_op SS_OP(_linear_dx) = {
    .name = "_linear_dx",
    .sig = "dy: float, weight: float",
    .doc = "Gradient of linear's x: dy [..., out] times weight [out, in].",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flops = flops,
    .flags = SS_OP_NO_GRAD,
};
