/* _extremum_dx.c — gradient of max and min: dy at the first element equal to y. */
#include "support/extrema.h"

static ss_status infer(ss_call *c)
{
    const ss_view *dy = &c->in[0], *x = &c->in[1], *y = &c->in[2];
    bool fits = dy->ndim == x->ndim && y->ndim == x->ndim;
    for (int a = 0; fits && a < x->ndim; a++)
        fits = dy->shape[a] == y->shape[a] && (y->shape[a] == 1 || y->shape[a] == x->shape[a]);
    if (!fits) return ss_fail(c, SS_E_SHAPE, "dy and y are not folds of x with kept axes");
    return ss_out(c, 0, dy->dtype, x->ndim, x->shape);
}

static ss_status plan(ss_call *c)
{
    c->scratch_bytes = (size_t)c->in[2].count;
    return SS_OK;
}

static ss_status plan_cuda(ss_call *c)
{
    const ss_attr kept = ss_ints(c->in[2].ndim, c->in[2].shape);
    ss_attr dims;
    ss_repeated_axes(&c->in[1], &kept, &dims);
    c->scratch_bytes = ss_fold_scratch(&c->in[1], &dims);
    return SS_OK;
}

const ss_op SS_OP(_extremum_dx) = {
    .name = "_extremum_dx",
    .sig = "dy: float, x: float, y: float",
    .doc = "Gradient of max and min: dy at the first element of each fold equal to y, 0 elsewhere.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = ss_extremum_dx,
    .flags = SS_OP_NO_GRAD,
};
