/* percentile.c — exact percentiles with linear interpolation. */
#include "support/mask.h"
#include "support/ranks.h"

static ss_status infer(ss_call *c)
{
    if (c->in[1].ndim > 1) return ss_fail(c, SS_E_SHAPE, "q must be a number or a list");
    return ss_out(c, 0, SS_F32, c->in[1].ndim, c->in[1].shape);
}

static ss_status plan(ss_call *c)
{
    c->scratch_bytes = c->in[0].dtype == SS_F32 ? 0 : (size_t)c->in[0].count * sizeof(float);
    return SS_OK;
}

static ss_status plan_cuda(ss_call *c)
{
    c->scratch_bytes = ss_ranks_scratch(2 * c->in[1].count);
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[0];
    const float *values = x->data, *q = ss_in_f32(c, 1);
    for (int64_t k = 0; k < c->in[1].count; k++)
        if (!(q[k] >= 0 && q[k] <= 100))
            return ss_fail(c, SS_E_ARG, "q %g is outside 0 to 100", (double)q[k]);
    if (x->dtype != SS_F32) {
        ss_load_f32(c->scratch, x->data, x->dtype, x->count);
        values = c->scratch;
    }
    for (int64_t k = 0; k < c->in[1].count; k++)
        ss_out_f32(c, 0)[k] = ss_percentile(values, x->count, (double)q[k]);
    return SS_OK;
}

const ss_op SS_OP(percentile) = {
    .name = "percentile",
    .sig = "x: num, q: f32",
    .doc =
        "The q-th percentiles (0 to 100) of all elements of x, linear between neighbouring order "
        "statistics (numpy's default). q is a number or a list [k], the result has its shape; "
        "NaN when x is empty or holds NaN.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
