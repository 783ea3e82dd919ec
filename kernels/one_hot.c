/* one_hot.c — class labels as indicator vectors. */
#include "support/index.h"

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0];
    const int64_t classes = c->attr[0].v[0];
    int64_t shape[SS_MAX_DIM + 1];
    if (classes < 1)
        return ss_fail(c, SS_E_ARG, "classes must be 1 or more, not %lld", (long long)classes);
    for (int a = 0; a < x->ndim; a++) shape[a] = x->shape[a];
    shape[x->ndim] = classes;
    return ss_out(c, 0, SS_F32, x->ndim + 1, shape);
}

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[0];
    const int64_t classes = c->attr[0].v[0];
    float *y = ss_out_f32(c, 0);
    const ss_status s = ss_check_index(c, x, classes);
    if (s) return s;
    ss_zero_view(&c->out[0]);
    SS_PARALLEL_FOR (i, x->count, classes) y[i * classes + ss_index_at(x, i)] = 1;
    return SS_OK;
}

const ss_op SS_OP(one_hot) = {
    .name = "one_hot",
    .sig = "x: integer, classes: int",
    .doc = "f32 with a new last axis of size classes: 1 at the place that x names (from 0), 0 "
           "elsewhere.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
