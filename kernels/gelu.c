/* gelu.c — x times the normal distribution function of x. */
#include "support/elementwise.h"
#include "support/gelu_rows.h"

SS_EW1(block, float, float, ss_geluf(a))

static bool contiguous(const ss_view *v)
{
    int64_t step = 1;
    for (int a = v->ndim - 1; a >= 0; a--) {
        if (v->shape[a] != 1 && v->stride[a] != step) return false;
        step *= v->shape[a];
    }
    return true;
}

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    if (y->dtype == SS_BF16 && contiguous(x)) {
        ss_gelu_all(y->data, x->data, SS_BF16, x->count);
        return SS_OK;
    }
    return ss_ew_f32(c, block, NULL);
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, ss_g(g, "_gelu_dx", 2, (ss_tensor *[]){g->dy[0], g->in[0]}, 0, NULL));
}

const ss_op SS_OP(gelu) = {
    .name = "gelu",
    .sig = "x: float",
    .doc = "x P(X < x) for normal X: the exact (erf) form, not the tanh approximation.",
    .infer = ss_infer_like,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
    .saves = SS_SAVE_IN(0),
};
