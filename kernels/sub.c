/* sub.c — a - b. */
#include "support/elementwise.h"

SS_EW2(floats, float, float, a - b)
SS_EW2(ints, int64_t, uint64_t, a - b)

static ss_status cpu(ss_call *c)
{
    return ss_ew_num(c, floats, ints, NULL);
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, g->dy[0]);
    if (g->need[1]) ss_dx(g, 1, ss_g1(g, "neg", g->dy[0]));
}

const ss_op SS_OP(sub) = {
    .name = "sub",
    .sig = "a: any, b: any",
    .doc = "a - b, broadcast. Integers are subtracted in 64 bits and saturate to the result's "
           "type.",
    .infer = ss_infer_promote,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
};
