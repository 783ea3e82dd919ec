/* _linear_dw.c — gradients of linear's weight and bias: dy^T x and the sum of dy over rows. */
#include "cpu.h"
#include "support/cuda_product.h"
#include "support/fold.h"
#include "support/mm.h"
#include "support/rowsum.h"

static int64_t rows_of(const ss_view *v)
{
    int64_t rows = 1;
    for (int i = 0; i < v->ndim - 1; i++) rows *= v->shape[i];
    return rows;
}

static void of(const ss_call *c, ss_mm *q)
{
    const ss_view *x = &c->in[0], *dy = &c->in[1];
    *q = (ss_mm){.batch = 1,
                 .m = dy->shape[dy->ndim - 1],
                 .k = rows_of(dy),
                 .n = x->shape[x->ndim - 1],
                 .x_transposed = true,
                 .compute = x->dtype == dy->dtype ? ss_dnn_compute(x->dtype) : SS_F32,
                 .x_type = dy->dtype,
                 .w_type = x->dtype,
                 .y_type = SS_F32};
}

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0], *dy = &c->in[1];
    if (x->ndim < 1 || dy->ndim < 1 || rows_of(x) != rows_of(dy))
        return ss_fail(c, SS_E_SHAPE, "expected x and dy with the same number of rows");
    const int64_t out = dy->shape[dy->ndim - 1], in = x->shape[x->ndim - 1];
    const int64_t bias = c->attr[0].v[0] ? out : 0;
    ss_status st = ss_out(c, 0, SS_F32, 2, (int64_t[]){out, in});
    return st ? st : ss_out(c, 1, SS_F32, 1, &bias);
}

static ss_status plan(ss_call *c)
{
    ss_mm q;
    of(c, &q);
    size_t product = 0, sum = c->attr[0].v[0] ? ss_rowsum_bytes(q.k, q.m) : 0;
    ss_status st = ss_mm_plan(c, &q, &product);
    c->scratch_bytes = product > sum ? product : sum;
    return st;
}

/* The sum and the product run one after the other in the same scratch. */
static ss_status plan_cuda(ss_call *c)
{
    const ss_product p = ss_product_linear_dw(c);
    const ss_attr dims = ss_leading_axes(&c->in[1]);
    const size_t product = ss_product_plan(c, &p),
                 sum = c->attr[0].v[0] ? ss_fold_scratch(&c->in[1], &dims) : 0;
    c->scratch_bytes = product > sum ? product : sum;
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    ss_mm q;
    const ss_view *x = &c->in[0], *dy = &c->in[1];
    of(c, &q);
    if (c->attr[0].v[0]) ss_rowsum(dy->data, dy->dtype, q.k, q.m, ss_out_f32(c, 1), c->scratch);
    return ss_mm_run(c, &q, dy->data, x->data, NULL, NULL, c->out[0].data, c->scratch);
}

static double flops(const ss_call *c)
{
    ss_mm q;
    of(c, &q);
    return 2.0 * (double)q.m * (double)q.n * (double)q.k;
}

const ss_op SS_OP(_linear_dw) = {
    .name = "_linear_dw",
    .sig = "x: float, dy: float, bias: bool = false",
    .doc = "Gradients of linear's weight [out, in] and bias [out] (empty unless asked for), f32.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flops = flops,
    .flags = SS_OP_NO_GRAD,
    .nout = 2,
};
