/* div.c — a / b. */
#include "support/elementwise.h"

SS_EW2(block, float, float, a / b)

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

static void grad(ss_grad *g)
{
    if (g->need[0]) ss_dx(g, 0, ss_g2(g, "div", g->dy[0], g->in[1]));
    if (g->need[1]) {
        ss_tensor *in[] = {g->dy[0], g->out[0], g->in[1]};
        ss_dx(g, 1, ss_g(g, "_div_db", 3, in, 0, NULL));
    }
}

const ss_op SS_OP(div) = {
    .name = "div",
    .sig = "a: any, b: any",
    .doc = "a / b, broadcast. Integers are divided as f32.",
    .infer = ss_infer_quotient,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
    .saves = SS_SAVE_IN(1) | SS_SAVE_OUT(0),
};
