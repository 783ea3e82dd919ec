/* copy_.c — x := y in place. */
#include "support/strided.h"

static ss_status cpu(ss_call *c)
{
    if (c->in[0].data == c->in[1].data && c->in[0].dtype == c->in[1].dtype &&
        !ss_overlaps(&c->in[0], &c->in[1]))
        return SS_OK; /* onto itself */
    if (ss_overlaps(&c->in[0], &c->in[1]))
        return ss_fail(c, SS_E_ARG, "x and y are different parts of the same memory");
    ss_copy_view(&c->in[0], &c->in[1]);
    return SS_OK;
}

const ss_op SS_OP(copy_) = {
    .name = "copy_",
    .sig = "x: any, y: any",
    .doc = "Overwrite x with y, which broadcasts to x's shape. The element type stays x's: floats "
           "become integers by rounding to nearest even, what does not fit saturates.",
    .infer = ss_infer_inplace,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_INPLACE,
};
