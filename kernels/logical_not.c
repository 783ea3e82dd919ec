/* logical_not.c — where x is zero. */
#include "support/elementwise.h"

SS_EW1(block, uint8_t, uint8_t, !a)

static ss_status infer(ss_call *c)
{
    return ss_out(c, 0, SS_BOOL, c->in[0].ndim, c->in[0].shape);
}

static ss_status cpu(ss_call *c)
{
    const ss_ew e = {.fn = block, .out = SS_AS_BOOL, .in = {SS_AS_BOOL}};
    ss_ew_run(&e, &c->out[0], 1, c->in);
    return SS_OK;
}

const ss_op SS_OP(logical_not) = {
    .name = "logical_not",
    .sig = "x: any",
    .doc = "true where x is zero or false.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
