/* square.c — x^2. */
#include "support/elementwise.h"

SS_EW1(floats, float, float, a *a)
SS_EW1(ints, int64_t, uint64_t, a *a)

static ss_status cpu(ss_call *c)
{
    return ss_ew_num(c, floats, ints, NULL);
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, ss_g(g, "_square_dx", 2, (ss_tensor *[]){g->dy[0], g->in[0]}, 0, NULL));
}

const ss_op SS_OP(square) = {
    .name = "square",
    .sig = "x: num",
    .doc = "x times x. Integers are squared in 64 bits and saturate.",
    .infer = ss_infer_like,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
    .saves = SS_SAVE_IN(0),
};
