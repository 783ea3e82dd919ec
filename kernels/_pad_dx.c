/* _pad_dx.c — gradient of pad by edge or reflect: dy added up at the places it was read from. */
#include "support/padding.h"
#include "support/strided.h"

static ss_status infer(ss_call *c)
{
    const ss_attr *shape = &c->attr[0], *pads = &c->attr[1];
    const ss_view *dy = &c->in[0];
    bool fits = dy->ndim == shape->n;
    for (int a = 0; fits && a < dy->ndim; a++)
        fits = dy->shape[a] ==
               shape->v[a] + ss_pad_before(pads, dy->ndim, a) + ss_pad_after(pads, dy->ndim, a);
    if (!fits) return ss_fail(c, SS_E_SHAPE, "dy is not the wanted shape with these pads");
    return ss_out(c, 0, dy->dtype, shape->n, shape->v);
}

static ss_status plan(ss_call *c)
{
    c->scratch_bytes = (size_t)c->out[0].count * sizeof(float);
    return SS_OK;
}

static ss_status cpu(ss_call *c) /* serial: places of dy meet at the edges */
{
    const ss_view *dy = &c->in[0], *dx = &c->out[0];
    const ss_pad_mode mode = (ss_pad_mode)c->attr[2].v[0];
    float *sum = (float *)c->scratch;
    int64_t index[SS_MAX_DIM] = {0};
    memset(sum, 0, (size_t)dx->count * sizeof *sum);
    for (int64_t i = 0; i < dy->count; i++) {
        int64_t at = 0, step = 1;
        bool outside = false;
        for (int a = dy->ndim - 1; a >= 0; a--) {
            const int64_t before = ss_pad_before(&c->attr[1], dy->ndim, a);
            const int64_t j = ss_pad_source(index[a], before, dx->shape[a], mode);
            outside |= j < 0;
            at += j * step;
            step *= dx->shape[a];
        }
        float v;
        ss_load_f32(&v, (const char *)dy->data + i * (int64_t)ss_dtype_bytes(dy->dtype), dy->dtype,
                    1);
        if (!outside) sum[at] += v;
        for (int a = dy->ndim - 1; a >= 0 && ++index[a] == dy->shape[a]; a--) index[a] = 0;
    }
    ss_store_f32(dx->data, dx->dtype, sum, dx->count);
    return SS_OK;
}

const ss_op SS_OP(_pad_dx) = {
    .name = "_pad_dx",
    .sig = "dy: float, shape: shape, pads: ints, mode: enum(constant|edge|reflect) = constant",
    .doc = "Gradient of pad: dy added up in the given shape at the places it was read from.",
    .infer = infer,
    .plan = plan,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
