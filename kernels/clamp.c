/* clamp.c — x limited to [lo, hi]. */
#include "support/elementwise.h"
#include "support/limits.h"

SS_EW1(floats, float, float, a<p[0] ? p[0] : a> p[1] ? p[1] : a)

static void ints(void *y, const void *const *x, const void *arg, int64_t n)
{
    const int64_t *a = (const int64_t *)x[0], lo = ((const int64_t *)arg)[0];
    const int64_t hi = ((const int64_t *)arg)[1];
    for (int64_t i = 0; i < n; i++) ((int64_t *)y)[i] = a[i] < lo ? lo : a[i] > hi ? hi : a[i];
}

static ss_status infer(ss_call *c)
{
    const ss_attr *lo = &c->attr[0], *hi = &c->attr[1];
    if (lo->n >= 0 && hi->n >= 0 && !(lo->num <= hi->num))
        return ss_fail(c, SS_E_ARG, "lo %g is above hi %g", lo->num, hi->num);
    return ss_infer_like(c);
}

static ss_status cpu(ss_call *c)
{
    float f[2];
    ss_limits(f, c->attr);
    if (ss_is_float(c->in[0].dtype)) return ss_ew_f32(c, floats, f);
    /* whole numbers within [lo, hi] */
    int64_t i[2];
    ss_whole_limits(i, c->attr);
    return ss_ew_num(c, floats, ints, i);
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, ss_g(g, "_clamp_dx", 2, (ss_tensor *[]){g->dy[0], g->in[0]}, 2, g->attr));
}

const ss_op SS_OP(clamp) = {
    .name = "clamp",
    .sig = "x: num, lo?: number, hi?: number",
    .doc = "x limited to [lo, hi]; an absent limit does not bind; NaN stays.",
    .infer = infer,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
    .saves = SS_SAVE_IN(0),
};
