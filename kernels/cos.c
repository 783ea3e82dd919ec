/* cos.c — cosine of x in radians. */
#include "support/elementwise.h"
#include "support/vecmath.h"

SS_EW1(fast, float, float, ss_sin_quarterf(a, 1))

static void block(void *y, const void *const *x_, const void *arg, int64_t n)
{
    const float *x = (const float *)x_[0];
    int huge = 0;
    for (int64_t i = 0; i < n; i++) huge |= !(fabsf(x[i]) < 1e6f);
    if (!huge)
        fast(y, x_, arg, n);
    else /* few volumes hold such angles: the library's reduction is exact for any */
        for (int64_t i = 0; i < n; i++) ((float *)y)[i] = cosf(x[i]);
}

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, ss_g1(g, "neg", ss_g2(g, "mul", g->dy[0], ss_g1(g, "sin", g->in[0]))));
}

const ss_op SS_OP(cos) = {
    .name = "cos",
    .sig = "x: float",
    .doc = "Cosine of x in radians.",
    .infer = ss_infer_like,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
    .saves = SS_SAVE_IN(0),
};
