/* conv_op.h — plan and cpu of the convolution ops: oneDNN where it is fast, else our loops. */
#ifndef SEMISAM_CONV_OP_H
#define SEMISAM_CONV_OP_H
#include "conv.h"
#include "depthwise.h"
#include "rowsum.h"

static inline size_t ss_conv_pad(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static inline size_t ss_conv_copy_bytes(const ss_view *v)
{
    return v && v->present && v->dtype != SS_F32 ? ss_conv_pad((size_t)v->count * 4) : 0;
}

static inline bool ss_conv_own(const ss_conv *q)
{
    return ss_conv_depthwise3(q) && ss_depthwise_fits(q);
}

static inline ss_status ss_conv_op_plan(ss_call *c, const ss_conv *q, const ss_conv_args *a)
{
    bool fast = false;
    if (!ss_conv_own(q)) {
        ss_status st = ss_conv_plan(c, q, a, &c->scratch_bytes, &fast);
        if (st || fast) return st;
    }
    c->scratch_bytes = ss_conv_copy_bytes(a->x) + ss_conv_copy_bytes(a->w) +
                       ss_conv_copy_bytes(a->b) + ss_conv_copy_bytes(a->y) +
                       ss_conv_pad((size_t)(q->c * ss_conv_volume(q->k)) * 4) +
                       ss_rowsum_bytes(q->n * ss_conv_volume(q->y), q->o);
    return SS_OK;
}

/* v as f32; `read` copies its contents. */
static inline float *ss_conv_f32(const ss_view *v, bool read, char **scratch)
{
    if (!v || !v->present) return NULL;
    if (v->dtype == SS_F32) return v->data;
    float *copy = (float *)(void *)*scratch;
    *scratch += ss_conv_copy_bytes(v);
    if (read) ss_load_f32(copy, v->data, v->dtype, v->count);
    return copy;
}

static inline void ss_conv_loops(const ss_conv *q, const ss_conv_args *a, void *scratch)
{
    char *at = scratch;
    const ss_conv_result r = a->result;
    const ss_view *out = r == SS_CONV_Y ? a->y : r == SS_CONV_X ? a->x : a->w;
    float *x = ss_conv_f32(a->x, r != SS_CONV_X, &at), *w = ss_conv_f32(a->w, r != SS_CONV_W, &at);
    float *y = ss_conv_f32(a->y, r != SS_CONV_Y, &at), *b = ss_conv_f32(a->b, r != SS_CONV_W, &at);
    float *wt = (float *)(void *)at;
    const bool own = ss_conv_own(q);
    if (own && r != SS_CONV_W) ss_depthwise_weights(q, w, wt);
    if (r == SS_CONV_Y && own) ss_depthwise(q, x, wt, b, y, false);
    if (r == SS_CONV_Y && !own) ss_conv_plain_y(q, x, w, b, y);
    if (r == SS_CONV_X && own) ss_depthwise(q, y, wt, b, x, true);
    if (r == SS_CONV_X && !own) ss_conv_plain_x(q, y, w, b, x);
    if (r == SS_CONV_W && own) ss_depthwise_dw(q, x, y, w);
    if (r == SS_CONV_W && !own) ss_conv_plain_w(q, x, y, w);
    if (r == SS_CONV_W && b) ss_rowsum(y, SS_F32, q->n * ss_conv_volume(q->y), q->o, b, at);
    if (out->dtype != SS_F32)
        ss_store_f32(out->data, out->dtype,
                     r == SS_CONV_Y   ? y
                     : r == SS_CONV_X ? x
                                      : w,
                     out->count);
}

static inline ss_status ss_conv_op_cpu(ss_call *c, const ss_conv *q, const ss_conv_args *a)
{
    bool fast = false;
    if (!ss_conv_own(q)) {
        ss_status st = ss_conv_run(c, q, a, c->scratch, &fast);
        if (st || fast) return st;
    }
    ss_conv_loops(q, a, c->scratch);
    return SS_OK;
}
#endif
