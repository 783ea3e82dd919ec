/* _clamp_dx.c — gradient of clamp: dy where lo <= x <= hi, 0 elsewhere. */
#include "support/elementwise.h"
#include "support/limits.h"

SS_EW2(block, float, float, (b >= p[0]) & (b <= p[1]) ? a : 0.0f)

static ss_status cpu(ss_call *c)
{
    float f[2];
    ss_limits(f, c->attr);
    return ss_ew_f32(c, block, f);
}

const ss_op SS_OP(_clamp_dx) = {
    .name = "_clamp_dx",
    .sig = "dy: float, x: float, lo?: number, hi?: number",
    .doc = "Gradient of clamp: dy where lo <= x <= hi, 0 elsewhere.",
    .infer = ss_infer_broadcast,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
