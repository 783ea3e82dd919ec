/* mul_.c — x := value * x in place. */
#include "support/elementwise.h"

SS_EW1(block, float, float, a *p[0])

static ss_status cpu(ss_call *c)
{
    const float p[2] = {(float)c->attr[0].num};
    const ss_ew e = {.fn = block, .arg = p};
    ss_ew_run(&e, &c->in[0], 1, c->in);
    return SS_OK;
}

const ss_op SS_OP(mul_) = {
    .name = "mul_",
    .sig = "x: float, value: number",
    .doc = "Multiply x by value in place.",
    .infer = ss_infer_inplace,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_INPLACE,
};
