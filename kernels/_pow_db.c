/* _pow_db.c — gradient of a^b to b: dy a^b log a. */
#include "support/power.h"

static void block(void *y_, const void *const *x, const void *arg, int64_t n)
{
    const float *dy = (const float *)x[0], *a = (const float *)x[1], *b = (const float *)x[2];
    float p[SS_EW_BLOCK], *y = (float *)y_;
    (void)arg;
    ss_pow_block(p, a, b, n);
    SS_PRAGMA(GCC ivdep)
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] == 0 && b[i] >= 0 ? 0.0f : dy[i] * p[i] * ss_logf(a[i]);
}

static ss_status cpu(ss_call *c)
{
    return ss_ew_f32(c, block, NULL);
}

const ss_op SS_OP(_pow_db) = {
    .name = "_pow_db",
    .sig = "dy: float, a: any, b: any",
    .doc = "Gradient of a^b to b: dy a^b log a, 0 where a is 0 and b is not negative.",
    .infer = ss_infer_broadcast,
    .cpu = cpu,
    .flags = SS_OP_STRIDED | SS_OP_NO_GRAD,
};
