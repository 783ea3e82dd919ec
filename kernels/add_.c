/* add_.c — x := x + alpha * y in place. */
#include "support/elementwise.h"

SS_EW2(block, float, float, a + p[0] * b)

static ss_status cpu(ss_call *c)
{
    const float p[2] = {(float)c->attr[0].num};
    const ss_ew e = {.fn = block, .arg = p};
    if (ss_overlaps(&c->in[0], &c->in[1]))
        return ss_fail(c, SS_E_ARG, "x and y are different parts of the same memory");
    ss_ew_run(&e, &c->in[0], 2, c->in);
    return SS_OK;
}

const ss_op SS_OP(add_) = {
    .name = "add_",
    .sig = "x: float, y: float, alpha: number = 1",
    .doc = "Add alpha * y to x in place; y broadcasts to x's shape.",
    .infer = ss_infer_inplace,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_INPLACE,
};
