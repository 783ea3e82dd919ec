/* scale_u8.c — intensities between two limits to 0..255. */
#include "support/scale_u8.h"
#include "cpu.h"

enum { BLOCK = 1024 };

static ss_status infer(ss_call *c)
{
    const double lo = c->attr[0].num, hi = c->attr[1].num;
    if (!(isfinite(lo) && isfinite(hi) && lo <= hi))
        return ss_fail(c, SS_E_ARG, "lo and hi must be finite and lo <= hi, got %g and %g", lo, hi);
    return ss_out(c, 0, SS_U8, c->in[0].ndim, c->in[0].shape);
}

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[0];
    const double lo = c->attr[0].num, hi = c->attr[1].num;
    const bool keep_zero = c->attr[2].num != 0;
    const size_t bytes = ss_dtype_bytes(x->dtype);
    SS_PARALLEL_FOR (b, ss_ceil_div(x->count, BLOCK), BLOCK) {
        const int64_t at = b * BLOCK, n = ss_min64(BLOCK, x->count - at);
        float v[BLOCK];
        uint8_t *y = (uint8_t *)c->out[0].data + at;
        ss_load_f32(v, (const char *)x->data + (size_t)at * bytes, x->dtype, n);
        for (int64_t i = 0; i < n; i++) y[i] = ss_scale_u8(v[i], lo, hi, keep_zero);
    }
    return SS_OK;
}

const ss_op SS_OP(scale_u8) = {
    .name = "scale_u8",
    .sig = "x: num, lo: number, hi: number, keep_zero: bool = false",
    .doc = "The whole part of 255 (x - lo) / (hi - lo), x being limited to [lo, hi]; all 0 when "
           "the limits are equal, NaN gives 0. With `keep_zero` values of exactly 0 give 0. "
           "Computed in double precision.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
