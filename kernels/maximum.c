/* maximum.c — the larger of a and b. */
#include "support/elementwise.h"

SS_EW2(floats, float, float, a > b || a != a ? a : b)
SS_EW2(ints, int64_t, int64_t, a > b ? a : b)

static ss_status cpu(ss_call *c)
{
    return ss_ew_num(c, floats, ints, NULL);
}

static void grad(ss_grad *g) /* of equal elements a counts as chosen */
{
    ss_tensor *in[] = {g->dy[0], ss_g2(g, "ge", g->in[0], g->in[1])};
    const ss_attr a = ss_int(1), b = ss_int(0);
    if (g->need[0]) ss_dx(g, 0, ss_g(g, "_keep", 2, in, 1, &a));
    if (g->need[1]) ss_dx(g, 1, ss_g(g, "_keep", 2, in, 1, &b));
}

const ss_op SS_OP(maximum) = {
    .name = "maximum",
    .sig = "a: any, b: any",
    .doc = "The larger of a and b, broadcast; NaN where either is NaN.",
    .infer = ss_infer_promote,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
    .saves = SS_SAVE_IN(0) | SS_SAVE_IN(1),
};
