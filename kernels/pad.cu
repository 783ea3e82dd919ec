/* pad.cu — axes made longer or shorter at their ends. */
#include "cuda/index.h"
#include "cuda/pads.h"
#include "half.h"
#include "support/nearest.h"
#include <string.h>

/* The innermost axis counts units of type S. */
template <class S> SS_KERNEL(pad_units)(ss_pads p, S *y, const S *x, int64_t n, S constant)
{
    SS_EACH (i, n) {
        int64_t left = i, from = 0, step = 1;
        bool outside = false;
        for (int a = p.nd - 1; a >= 0; a--) {
            int64_t at;
            left = ss_split(left, p.padded[a], &at);
            const int64_t j = ss_pad_source(at, p.before[a], p.have[a], p.mode);
            outside = outside || j < 0;
            from += j * step;
            step *= p.have[a];
        }
        y[i] = outside ? constant : x[from];
    }
}

/* `value` as it lies in memory, repeated over 16 bytes. */
static ss_unit16 pattern(ss_dtype t, double value)
{
    const float f = (float)value;
    const int64_t i = ss_nearest_i64(value);
    const int32_t word = (int32_t)(i < INT32_MIN ? INT32_MIN : i > INT32_MAX ? INT32_MAX : i);
    const uint16_t half = t == SS_F16 ? ss_f32_to_f16(f) : ss_f32_to_bf16(f);
    const uint8_t byte = (uint8_t)(t == SS_BOOL ? value != 0 : i < 0 ? 0 : i > 255 ? 255 : i);
    const size_t size = ss_dtype_bytes(t);
    const void *one = t == SS_F32   ? (const void *)&f
                      : t == SS_I64 ? (const void *)&i
                      : t == SS_I32 ? (const void *)&word
                      : size == 2   ? (const void *)&half
                                    : (const void *)&byte;
    ss_unit16 u;
    for (size_t at = 0; at < sizeof u; at += size) memcpy((char *)&u + at, one, size);
    return u;
}

SS_TWIN(pad)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    const int64_t size = (int64_t)ss_dtype_bytes(x->dtype);
    ss_pads p = ss_pads_of(&c->attr[0], x, y, (ss_pad_mode)c->attr[2].v[0]);
    const ss_unit16 u = pattern(x->dtype, c->attr[1].num);
    if (y->count == 0) return SS_OK;
    /* Behind the last axis that changes, elements move as one. */
    int64_t run = size;
    while (p.nd > 0 && p.before[p.nd - 1] == 0 && p.padded[p.nd - 1] == p.have[p.nd - 1])
        run *= p.have[--p.nd];
    const int unit = ss_unit_of(run, x->data, y->data);
    p.have[p.nd] = p.padded[p.nd] = run / unit;
    p.before[p.nd++] = 0;
    const int64_t n = y->count * size / unit;
    SS_UNITS(unit, S, {
        S constant;
        memcpy(&constant, &u, sizeof constant);
        SS_LAUNCH(g, (pad_units<S>), ss_grid(g, n), SS_BLOCK, 0, p, (S *)y->data,
                  (const S *)x->data, n, constant);
    })
    return ss_launched(c, g);
}
