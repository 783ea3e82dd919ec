/* copy.cu — a packed copy, whatever the strides of x. */
#include "cuda/copy.h"
#include "cuda/elementwise.h"
#include "cuda/fill.h"
#include "half.h"
#include "support/nearest.h"

SS_EW1(keep_f32, float, float, a)
SS_EW1(keep_i64, int64_t, int64_t, a)

ss_status ss_copy_view(ss_call *c, ss_gpu *g, const ss_view *dst, const ss_view *src)
{
    return ss_is_float(src->dtype) ? ss_ew_run<keep_f32, 1>(c, g, dst, src, (const float *)nullptr)
                                   : ss_ew_run<keep_i64, 1>(c, g, dst, src, (const float *)nullptr);
}

/* `bits` is the element as it lies in memory. */
template <class S> SS_KERNEL(fill)(ss_ew_call<0> e, S bits)
{
    SS_EACH(j, e.runs)
    {
        int64_t at;
        ss_packed<S> s;
        ss_ew_place(e, j * SS_RUN, &at);
        SS_UNROLL
        for (int r = 0; r < SS_RUN; r++) s.v[r] = bits;
        *(ss_packed<S> *)((S *)e.op[0].data + at) = s;
    }
    const int64_t done = e.runs * SS_RUN;
    SS_EACH(j, e.count - done)
    {
        int64_t at;
        ss_ew_place(e, done + j, &at);
        ((S *)e.op[0].data)[at] = bits;
    }
}

template <class S> static void fill_with(ss_gpu *g, const ss_view *v, S bits)
{
    ss_ew_call<0> e = {};
    e.count = v->count;
    ss_ew_plan(1, &v, e.op, e.shape, &e.nd);
    if ((e.nd == 1 || e.shape[e.nd - 1] % SS_RUN == 0) && ss_ew_runs(&e.op[0], e.nd, true))
        e.runs = e.count / SS_RUN;
    SS_LAUNCH(g, (fill<S>), ss_grid(g, e.runs > SS_RUN ? e.runs : e.count), SS_BLOCK, 0, e, bits);
}

ss_status ss_fill_view(ss_call *c, ss_gpu *g, const ss_view *v, double value)
{
    const float f = (float)value;
    const int64_t i = ss_nearest_i64(value);
    uint32_t word;
    memcpy(&word, &f, sizeof word);
    if (v->count == 0) return SS_OK;
    switch (v->dtype) {
    case SS_BOOL:
        fill_with(g, v, (uint8_t)(value != 0));
        break;
    case SS_U8:
        fill_with(g, v, (uint8_t)(i < 0 ? 0 : i > 255 ? 255 : i));
        break;
    case SS_I32:
        fill_with(g, v, (uint32_t)(i < INT32_MIN ? INT32_MIN : i > INT32_MAX ? INT32_MAX : i));
        break;
    case SS_I64:
        fill_with(g, v, (uint64_t)i);
        break;
    case SS_F16:
        fill_with(g, v, ss_f32_to_f16(f));
        break;
    case SS_BF16:
        fill_with(g, v, ss_f32_to_bf16(f));
        break;
    default:
        fill_with(g, v, word);
        break;
    }
    return ss_launched(c, g);
}

SS_TWIN(copy)
{
    return ss_copy_view(c, g, &c->out[0], &c->in[0]);
}
