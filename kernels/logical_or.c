/* logical_or.c — where a or b is true. */
#include "support/elementwise.h"

SS_EW2(block, uint8_t, uint8_t, a | b)

static ss_status cpu(ss_call *c)
{
    const ss_ew e = {.fn = block, .out = SS_AS_BOOL, .in = {SS_AS_BOOL, SS_AS_BOOL}};
    ss_ew_run(&e, &c->out[0], 2, c->in);
    return SS_OK;
}

const ss_op SS_OP(logical_or) = {
    .name = "logical_or",
    .sig = "a: any, b: any",
    .doc = "true where a or b is true, broadcast; anything but zero counts as true.",
    .infer = ss_infer_compare,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
