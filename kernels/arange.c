/* arange.c — evenly spaced numbers. */
#include "support/strided.h"

static ss_status infer(ss_call *c)
{
    const int64_t n = c->attr[0].v[0];
    if (n < 0) return ss_fail(c, SS_E_ARG, "n must be 0 or more, not %lld", (long long)n);
    return ss_out(c, 0, (ss_dtype)c->attr[3].v[0], 1, &n);
}

static ss_status cpu(ss_call *c)
{
    enum { PART = 256 };
    const ss_view *y = &c->out[0];
    const int64_t size = (int64_t)ss_dtype_bytes(y->dtype);
    for (int64_t at = 0; at < y->count; at += PART) {
        const int64_t n = ss_min64(PART, y->count - at);
        int64_t whole[PART];
        float part[PART];
        for (int64_t i = 0; i < n; i++) {
            const double v = c->attr[1].num + (double)(at + i) * c->attr[2].num;
            part[i] = (float)v;
            whole[i] = ss_nearest_i64(v);
        }
        if (ss_is_float(y->dtype))
            ss_store_f32((char *)y->data + at * size, y->dtype, part, n);
        else
            ss_store_run((char *)y->data + at * size, y->dtype, 1, whole, SS_AS_I64, n);
    }
    return SS_OK;
}

const ss_op SS_OP(arange) = {
    .name = "arange",
    .sig = "n: int, start: number = 0, step: number = 1, dtype: dtype = f32",
    .doc = "The n numbers start, start + step, start + 2 step, ...",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
