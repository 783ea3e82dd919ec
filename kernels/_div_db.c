/* _div_db.c — gradient of y = a / b to b: -dy y / b. */
#include "support/elementwise.h"

SS_EW3(block, float, float, -a *b / c)

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

const ss_op SS_OP(_div_db) = {
    .name = "_div_db",
    .sig = "dy: float, y: float, b: any",
    .doc = "Gradient of y = a / b to b: -dy y / b.",
    .infer = ss_infer_broadcast,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
