/* kth_value.c — elements of a tensor by their rank. */
#include "support/mask.h"
#include "support/ranks.h"

static ss_status infer(ss_call *c)
{
    if (c->in[1].ndim > 1) return ss_fail(c, SS_E_SHAPE, "k must be a number or a list");
    return ss_out(c, 0, SS_F32, c->in[1].ndim, c->in[1].shape);
}

static ss_status plan(ss_call *c)
{
    c->scratch_bytes = c->in[0].dtype == SS_F32 ? 0 : (size_t)c->in[0].count * sizeof(float);
    return SS_OK;
}

static ss_status plan_cuda(ss_call *c)
{
    c->scratch_bytes = ss_ranks_scratch(c->in[1].count);
    return SS_OK;
}

static int64_t rank_of(const ss_view *k, int64_t i)
{
    return k->dtype == SS_I64 ? ((const int64_t *)k->data)[i] : ((const int32_t *)k->data)[i];
}

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[0], *k = &c->in[1];
    const float *values = x->data;
    for (int64_t i = 0; i < k->count; i++)
        if (rank_of(k, i) < 0 || rank_of(k, i) >= x->count)
            return ss_fail(c, SS_E_ARG, "k %lld is outside 0 to %lld", (long long)rank_of(k, i),
                           (long long)x->count - 1);
    if (x->dtype != SS_F32) {
        ss_load_f32(c->scratch, x->data, x->dtype, x->count);
        values = c->scratch;
    }
    bool nan = false;
    for (int64_t i = 0; i < x->count; i++) nan |= values[i] != values[i];
    for (int64_t i = 0; i < k->count; i++)
        ss_out_f32(c, 0)[i] = nan ? NAN : ss_kth(values, x->count, rank_of(k, i));
    return SS_OK;
}

const ss_op SS_OP(kth_value) = {
    .name = "kth_value",
    .sig = "x: num, k: index",
    .doc = "The k-th smallest of all elements of x, counted from 0, exactly. k is a number or a "
           "list [m], the result has its shape; NaN when x holds NaN.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
