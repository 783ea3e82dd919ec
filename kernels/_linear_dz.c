/* _linear_dz.c — gradient of linear's activation: dy act'(z). */
#include "cpu.h"
#include "support/mm.h"

static ss_status infer(ss_call *c)
{
    if (c->in[0].count != c->in[1].count)
        return ss_fail(c, SS_E_SHAPE, "expected dy of %lld elements as z, got %lld",
                       (long long)c->in[0].count, (long long)c->in[1].count);
    return ss_out_like(c, 0, &c->in[1]);
}

static ss_status get(ss_call *c, ss_dnn **p)
{
    const int64_t n = c->in[0].count;
    ss_dnn_desc d;
    *p = NULL;
    if (n == 0 || c->attr[0].v[0] == SS_ACT_NONE) return SS_OK;
    memset(&d, 0, sizeof d);
    d.kind = SS_DNN_ACT_DX;
    d.act = (int32_t)c->attr[0].v[0];
    d.compute = (int32_t)ss_dnn_compute(c->in[0].dtype);
    if (c->in[0].dtype != c->in[1].dtype) d.compute = SS_F32;
    ss_dnn_memory(&d, SS_DNN_X, c->in[0].dtype, 1, &n);
    ss_dnn_memory(&d, SS_DNN_Y, c->in[1].dtype, 1, &n);
    ss_dnn_memory(&d, SS_DNN_W, c->in[1].dtype, 1, &n);
    return ss_dnn_get(c, &d, p);
}

static ss_status plan(ss_call *c)
{
    ss_dnn *p;
    ss_status st = get(c, &p);
    if (st || !p) return st;
    c->scratch_bytes = ss_dnn_scratch(c, p, NULL);
    ss_dnn_put(p);
    return SS_OK;
}

static void plain(ss_call *c)
{
    enum { BLOCK = 1024 };
    const ss_view *z = &c->in[0], *dy = &c->in[1];
    const size_t zs = ss_dtype_bytes(z->dtype), ds = ss_dtype_bytes(dy->dtype);
    const ss_act act = (ss_act)c->attr[0].v[0];
    SS_PARALLEL_FOR (b, ss_ceil_div(z->count, BLOCK), BLOCK * 16) {
        float a[BLOCK], d[BLOCK];
        const int64_t at = b * BLOCK, n = ss_min64(BLOCK, z->count - at);
        ss_load_f32(a, (const char *)z->data + (size_t)at * zs, z->dtype, n);
        ss_load_f32(d, (const char *)dy->data + (size_t)at * ds, dy->dtype, n);
        for (int64_t i = 0; i < n; i++) d[i] *= ss_act_slope(act, a[i]);
        ss_store_f32((char *)c->out[0].data + (size_t)at * ds, dy->dtype, d, n);
    }
}

static ss_status cpu(ss_call *c)
{
    ss_dnn *p;
    ss_status st = get(c, &p);
    if (st) return st;
    if (!p) {
        plain(c);
        return SS_OK;
    }
    void *data[SS_DNN_SLOTS] = {
        [SS_DNN_X] = c->in[0].data, [SS_DNN_W] = c->out[0].data, [SS_DNN_Y] = c->in[1].data};
    st = ss_dnn_run(c, p, data, NULL, c->scratch);
    ss_dnn_put(p);
    return st;
}

const ss_op SS_OP(_linear_dz) = {
    .name = "_linear_dz",
    .sig = "z: float, dy: float, act: enum(none|gelu|relu|silu) = none",
    .doc = "Gradient of linear's activation at z.",
    .infer = infer,
    .plan = plan,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
