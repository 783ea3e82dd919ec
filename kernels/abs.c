/* abs.c — |x|. */
#include "support/elementwise.h"

SS_EW1(floats, float, float, fabsf(a))
SS_EW1(ints, int64_t, int64_t, a < 0 ? 0 - (uint64_t)a : (uint64_t)a)

static ss_status cpu(ss_call *c)
{
    return ss_ew_num(c, floats, ints, NULL);
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, ss_g(g, "_abs_dx", 2, (ss_tensor *[]){g->dy[0], g->in[0]}, 0, NULL));
}

const ss_op SS_OP(abs) = {
    .name = "abs",
    .sig = "x: num",
    .doc = "Absolute value.",
    .infer = ss_infer_like,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
    .saves = SS_SAVE_IN(0),
};
