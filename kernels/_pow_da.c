/* _pow_da.c — gradient of a^b to a: dy b a^(b-1). */
#include "support/power.h"

static void block(void *y_, const void *const *x, const void *arg, int64_t n)
{
    const float *dy = (const float *)x[0], *a = (const float *)x[1], *b = (const float *)x[2];
    float e[SS_EW_BLOCK], p[SS_EW_BLOCK], *y = (float *)y_;
    (void)arg;
    if (n < 1) return; /* e[0] is read below */
    for (int64_t i = 0; i < n; i++) e[i] = b[i] - 1.0f;
    ss_pow_block(p, a, e, n);
    SS_PRAGMA(GCC ivdep)
    for (int64_t i = 0; i < n; i++) y[i] = b[i] == 0 ? 0.0f : dy[i] * b[i] * p[i];
}

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

const ss_op SS_OP(_pow_da) = {
    .name = "_pow_da",
    .sig = "dy: float, a: any, b: any",
    .doc = "Gradient of a^b to a: dy b a^(b-1), 0 where b is 0.",
    .infer = ss_infer_broadcast,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
