/* isfinite.c — where x is a number, neither infinite nor NaN. */
#include "support/elementwise.h"

SS_EW1(block, uint8_t, float, fabsf(a) <= 3.402823466e38f)

static ss_status infer(ss_call *c)
{
    return ss_out(c, 0, SS_BOOL, c->in[0].ndim, c->in[0].shape);
}

static ss_status cpu(ss_call *c)
{
    const ss_ew e = {.fn = block, .out = SS_AS_BOOL, .in = {SS_AS_F32}};
    ss_ew_run(&e, &c->out[0], 1, c->in);
    return SS_OK;
}

const ss_op SS_OP(isfinite) = {
    .name = "isfinite",
    .sig = "x: any",
    .doc = "true where x is neither infinite nor NaN.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
