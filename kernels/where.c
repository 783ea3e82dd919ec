/* where.c — a where cond is true, b elsewhere. */
#include "support/elementwise.h"

#define CHOOSE(name, T)                                                                            \
    static void name(void *y_, const void *const *x, const void *arg, int64_t n)                   \
    {                                                                                              \
        const uint8_t *cond = (const uint8_t *)x[0];                                               \
        const T *a = (const T *)x[1], *b = (const T *)x[2];                                        \
        T *y = (T *)y_;                                                                            \
        (void)arg;                                                                                 \
        SS_PRAGMA(GCC ivdep)                                                                       \
        for (int64_t i = 0; i < n; i++) y[i] = cond[i] ? a[i] : b[i];                              \
    }
CHOOSE(floats, float)
CHOOSE(ints, int64_t)

static ss_status infer(ss_call *c)
{
    return ss_out_broadcast(c, 0, ss_promote(&c->in[1], &c->in[2]), 3);
}

static ss_status cpu(ss_call *c)
{
    const bool f = ss_is_float(c->out[0].dtype);
    const ss_as as = f ? SS_AS_F32 : SS_AS_I64;
    const ss_ew e = {.fn = f ? floats : ints, .out = as, .in = {SS_AS_BOOL, as, as}};
    ss_ew_run(&e, &c->out[0], 3, c->in);
    return SS_OK;
}

static void grad(ss_grad *g)
{
    ss_tensor *in[] = {g->dy[0], g->in[0]};
    const ss_attr a = ss_int(1), b = ss_int(0);
    if (g->need[1]) ss_dx(g, 1, ss_g(g, "_keep", 2, in, 1, &a));
    if (g->need[2]) ss_dx(g, 2, ss_g(g, "_keep", 2, in, 1, &b));
}

const ss_op SS_OP(where) = {
    .name = "where",
    .sig = "cond: any, a: any, b: any",
    .doc = "a where cond is true (anything but zero), b elsewhere, broadcast.",
    .infer = infer,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
    .saves = SS_SAVE_IN(0),
};
