/* argmax.c — where the largest element along an axis is. */
#include "support/extrema.h"

static ss_status cpu(ss_call *c)
{
    return ss_arg_extremum(c, SS_LARGEST);
}

const ss_op SS_OP(argmax) = {
    .name = "argmax",
    .sig = "x: any, dim: dim, keepdim: bool = false",
    .doc = "0-based place (i64) of the first largest element along an axis; NaN counts as "
           "largest.",
    .infer = ss_infer_arg_extremum,
    .plan_cuda = ss_plan_fold_axis,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
