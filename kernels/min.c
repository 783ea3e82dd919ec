/* min.c — smallest element over axes. */
#include "support/choose.h"

static ss_status cpu(ss_call *c)
{
    return ss_choose(c, SS_SMALLEST);
}

const ss_op SS_OP(min) = {
    .name = "min",
    .sig = "x: any, dims?: dims, keepdim: bool = false",
    .doc = "Smallest element over dims (absent: all axes); NaN where there is one. The gradient "
           "goes to "
           "the first such element.",
    .infer = ss_infer_extremum,
    .plan = ss_plan_reduce,
    .plan_cuda = ss_plan_fold,
    .cpu = cpu,
    .grad = ss_extremum_grad,
    .saves = SS_SAVE_IN(0) | SS_SAVE_OUT(0),
};
