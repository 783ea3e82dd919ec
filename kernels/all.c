/* all.c — are all elements true. */
#include "support/choose.h"

static ss_status infer(ss_call *c)
{
    return ss_infer_reduce(c, 0, SS_BOOL, &c->attr[0], c->attr[1].v[0] != 0);
}

static ss_status cpu(ss_call *c)
{
    return ss_choose(c, SS_ALL);
}

const ss_op SS_OP(all) = {
    .name = "all",
    .sig = "x: any, dims?: dims, keepdim: bool = false",
    .doc = "Are all elements over dims (absent: all axes) true, that is anything but zero? Of "
           "nothing: true.",
    .infer = infer,
    .plan = ss_plan_reduce,
    .plan_cuda = ss_plan_fold,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
