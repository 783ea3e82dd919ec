/* leaky_relu.c — y = x where x > 0, slope * x elsewhere. */
#include "cpu.h"

enum { BLOCK = 1024 };

static ss_status infer(ss_call *c)
{
    return ss_out_like(c, 0, &c->in[0]);
}

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    const float slope = (float)c->attr[0].num;
    const size_t size = ss_dtype_bytes(x->dtype);
    SS_PARALLEL_FOR (b, ss_ceil_div(x->count, BLOCK), BLOCK) {
        float t[BLOCK];
        int64_t at = b * BLOCK, n = ss_min64(BLOCK, x->count - at);
        ss_load_f32(t, (const char *)x->data + (size_t)at * size, x->dtype, n);
        for (int64_t i = 0; i < n; i++) t[i] = t[i] > 0 ? t[i] : slope * t[i];
        ss_store_f32((char *)y->data + (size_t)at * size, y->dtype, t, n);
    }
    return SS_OK;
}

static void grad(ss_grad *g) /* dx = dy where x > 0, slope * dy elsewhere */
{
    ss_dx(g, 0, ss_g(g, "_leaky_relu_dx", 2, (ss_tensor *[]){g->dy[0], g->in[0]}, 1, g->attr));
}

const ss_op SS_OP(leaky_relu) = {
    .name = "leaky_relu",
    .sig = "x: float, slope: number = 0.01",
    .doc = "Pass positive values; scale the rest by `slope`.",
    .infer = infer,
    .cpu = cpu,
    .grad = grad,
    .saves = SS_SAVE_IN(0),
};
