/* _leaky_relu_dx.c — gradient of leaky_relu: dy where x > 0, slope * dy elsewhere. */
#include "cpu.h"

enum { BLOCK = 1024 };

static ss_status infer(ss_call *c)
{
    return ss_out_like(c, 0, &c->in[0]);
}

static ss_status cpu(ss_call *c)
{
    const ss_view *dy = &c->in[0], *x = &c->in[1], *dx = &c->out[0];
    const float slope = (float)c->attr[0].num;
    const size_t size = ss_dtype_bytes(dy->dtype), xsize = ss_dtype_bytes(x->dtype);
    SS_PARALLEL_FOR (b, ss_ceil_div(x->count, BLOCK), BLOCK) {
        float d[BLOCK], t[BLOCK];
        int64_t at = b * BLOCK, n = ss_min64(BLOCK, x->count - at);
        ss_load_f32(d, (const char *)dy->data + (size_t)at * size, dy->dtype, n);
        ss_load_f32(t, (const char *)x->data + (size_t)at * xsize, x->dtype, n);
        for (int64_t i = 0; i < n; i++) d[i] = t[i] > 0 ? d[i] : slope * d[i];
        ss_store_f32((char *)dx->data + (size_t)at * size, dx->dtype, d, n);
    }
    return SS_OK;
}

const ss_op SS_OP(_leaky_relu_dx) = {
    .name = "_leaky_relu_dx",
    .sig = "dy: float, x: float, slope: number = 0.01",
    .doc = "Gradient of leaky_relu.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
