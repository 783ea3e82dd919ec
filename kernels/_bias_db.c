/* _bias_db.c — gradient of a bias: the sum over all axes but the last. */
#include "support/fold.h"
#include "support/rowsum.h"

static int64_t rows_of(const ss_view *v)
{
    int64_t rows = 1;
    for (int i = 0; i < v->ndim - 1; i++) rows *= v->shape[i];
    return rows;
}

static ss_status infer(ss_call *c)
{
    const ss_view *dy = &c->in[0];
    if (dy->ndim < 1) return ss_fail(c, SS_E_SHAPE, "expected dy with at least 1 axis");
    return ss_out(c, 0, SS_F32, 1, &dy->shape[dy->ndim - 1]);
}

static ss_status plan(ss_call *c)
{
    c->scratch_bytes = ss_rowsum_bytes(rows_of(&c->in[0]), c->out[0].count);
    return SS_OK;
}

static ss_status plan_cuda(ss_call *c)
{
    const ss_attr dims = ss_leading_axes(&c->in[0]);
    c->scratch_bytes = ss_fold_scratch(&c->in[0], &dims);
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    const ss_view *dy = &c->in[0];
    ss_rowsum(dy->data, dy->dtype, rows_of(dy), c->out[0].count, ss_out_f32(c, 0), c->scratch);
    return SS_OK;
}

const ss_op SS_OP(_bias_db) = {
    .name = "_bias_db",
    .sig = "dy: float",
    .doc = "Sum over all axes but the last, f32.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
