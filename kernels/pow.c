/* pow.c — a^b. */
#include "support/power.h"

static void block(void *y, const void *const *x, const void *arg, int64_t n)
{
    (void)arg;
    ss_pow_block((float *)y, (const float *)x[0], (const float *)x[1], n);
}

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

static void grad(ss_grad *g)
{
    ss_tensor *in[] = {g->dy[0], g->in[0], g->in[1]};
    if (g->need[0]) ss_dx(g, 0, ss_g(g, "_pow_da", 3, in, 0, NULL));
    if (g->need[1]) ss_dx(g, 1, ss_g(g, "_pow_db", 3, in, 0, NULL));
}

const ss_op SS_OP(pow) = {
    .name = "pow",
    .sig = "a: any, b: any",
    .doc =
        "a to the power b, broadcast; NaN where a < 0 and b is not whole. Integers are raised as "
        "f32.",
    .infer = ss_infer_quotient,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
    .saves = SS_SAVE_IN(0) | SS_SAVE_IN(1),
};
