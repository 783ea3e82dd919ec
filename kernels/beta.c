/* beta.c — beta-distributed random numbers, counted by key. */
#include "support/beta.h"
#include "cpu.h"

static ss_status infer(ss_call *c)
{
    const double a = c->attr[2].num, b = c->attr[3].num;
    if (!(a > 0 && a <= 1e6) || !(b > 0 && b <= 1e6))
        return ss_fail(c, SS_E_ARG, "a and b must be in (0, 1e6], got %g and %g", a, b);
    return ss_out(c, 0, SS_F32, c->attr[0].n, c->attr[0].v);
}

static ss_status cpu(ss_call *c)
{
    const uint64_t key = (uint64_t)c->attr[1].v[0];
    const double a = c->attr[2].num, b = c->attr[3].num;
    float *y = ss_out_f32(c, 0);
    SS_PARALLEL_FOR (i, c->out[0].count, 64) y[i] = ss_beta(key, (uint64_t)i, a, b);
    return SS_OK;
}

const ss_op SS_OP(beta) = {
    .name = "beta",
    .sig = "shape: shape, key: int, a: number, b: number",
    .doc = "Random numbers in [0, 1] of density proportional to x^(a-1) (1-x)^(b-1), mean a/(a+b). "
           "Element i depends on (key, i) alone.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD | SS_OP_RANDOM,
};
