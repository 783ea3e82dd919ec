/* neg.c — -x. */
#include "support/elementwise.h"

SS_EW1(floats, float, float, -a)
SS_EW1(ints, int64_t, uint64_t, 0 - a)

static ss_status cpu(ss_call *c)
{
    return ss_ew_num(c, floats, ints, NULL);
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, ss_g1(g, "neg", g->dy[0]));
}

const ss_op SS_OP(neg) = {
    .name = "neg",
    .sig = "x: num",
    .doc = "-x. Of u8, which has no negatives, 0.",
    .infer = ss_infer_like,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
};
