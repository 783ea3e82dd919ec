/* conv_op.h — plan and cpu of the convolution ops: oneDNN where it is fast, else our loops. */
#ifndef SEMISAM_CONV_OP_H
#define SEMISAM_CONV_OP_H
#include "conv.h"
#include "depthwise_half.h"
#include "rowsum.h"
#include "winograd.h"

static inline size_t ss_conv_pad(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static inline size_t ss_conv_copy_bytes(const ss_view *v)
{
    return v && v->present && v->dtype != SS_F32 ? ss_conv_pad((size_t)v->count * 4) : 0;
}

static inline size_t ss_conv_sum_bytes(const ss_conv *q)
{
    return ss_rowsum_bytes(q->n * ss_conv_volume(q->y), q->o);
}

/* The level that the code of winograd.h is compiled for. */
static inline bool ss_conv_tiled(const ss_conv *q, const ss_conv_args *a)
{
#if defined(__AVX512F__)
    return ss_winograd_serves(q, a);
#else
    (void)q;
    (void)a;
    return false;
#endif
}

/* The bias gradient where oneDNN does not give it: some weights go through a product. */
static inline bool ss_conv_own_bias(const ss_conv *q, const ss_conv_args *a)
{
    return a->result == SS_CONV_W && a->b &&
           (ss_conv_pointwise(q) || ss_conv_patches(q, a->result) || ss_conv_tiled(q, a));
}

/* What a depthwise volume that is not f32 goes through; false where its input is converted whole.
 */
static inline bool ss_conv_half(const ss_conv *q, const ss_conv_args *a, ss_dhalf *h)
{
    const bool back = a->result == SS_CONV_X;
    const ss_view *in = back ? a->y : a->x, *out = back ? a->x : a->y;
    if (a->result == SS_CONV_W || !ss_dhalf_serves(q, in, out, back)) return false;
    ss_dhalf_set(h, q, in, out, back);
    return true;
}

/* Scratch for x or y: a copy of it, or rows when the depthwise loop makes it. */
static inline size_t ss_conv_result_bytes(const ss_conv *q, const ss_conv_args *a,
                                          ss_conv_result which)
{
    const ss_view *v = which == SS_CONV_X ? a->x : a->y;
    if (a->result != which || !ss_conv_depthwise3(q)) return ss_conv_copy_bytes(v);
    return ss_conv_pad(ss_depthwise_row_bytes(q, which == SS_CONV_X ? q->x : q->y, v));
}

static inline ss_status ss_conv_op_plan(ss_call *c, const ss_conv *q, const ss_conv_args *a)
{
    bool fast = false;
    ss_dhalf h;
    if (ss_conv_half(q, a, &h)) {
        c->scratch_bytes = ss_conv_copy_bytes(a->w) + ss_conv_copy_bytes(a->b) + ss_dhalf_bytes(&h);
        return SS_OK;
    }
    if (!ss_conv_depthwise3(q)) {
        ss_status st = SS_OK;
        if (ss_conv_tiled(q, a)) {
            c->scratch_bytes = ss_winograd_bytes(q, a);
            fast = true;
        } else {
            st = ss_conv_plan(c, q, a, &c->scratch_bytes, &fast);
        }
        if (fast && ss_conv_own_bias(q, a) && c->scratch_bytes < ss_conv_sum_bytes(q))
            c->scratch_bytes = ss_conv_sum_bytes(q);
        if (st || fast) return st;
    }
    const size_t weights = (size_t)(q->c * ss_conv_volume(q->k) * ss_depthwise_parts(q)) * 4;
    c->scratch_bytes = ss_conv_result_bytes(q, a, SS_CONV_X) + ss_conv_copy_bytes(a->w) +
                       ss_conv_copy_bytes(a->b) + ss_conv_result_bytes(q, a, SS_CONV_Y) +
                       ss_conv_pad(weights) + ss_conv_sum_bytes(q);
    return SS_OK;
}

/* v as f32; `read` copies its contents. */
static inline float *ss_conv_f32(const ss_view *v, bool read, char **scratch)
{
    enum { BLOCK = 16384 };
    if (!v || !v->present) return NULL;
    if (v->dtype == SS_F32) return v->data;
    float *copy = (float *)(void *)*scratch;
    const size_t size = ss_dtype_bytes(v->dtype);
    *scratch += ss_conv_copy_bytes(v);
    if (!read) return copy;
    SS_PARALLEL_FOR (b, ss_ceil_div(v->count, BLOCK), BLOCK) {
        const int64_t at = b * BLOCK, n = ss_min64(BLOCK, v->count - at);
        ss_load_f32(copy + at, (const char *)v->data + (size_t)at * size, v->dtype, n);
    }
    return copy;
}

/* y, or x backwards, of a depthwise volume; writes the result in its own type. */
static inline void ss_conv_depthwise(const ss_conv *q, const ss_conv_args *a, char *scratch)
{
    const bool back = a->result == SS_CONV_X;
    const ss_view *out = back ? a->x : a->y;
    const int64_t *os = back ? q->x : q->y;
    const size_t row = ss_depthwise_row_bytes(q, os, out);
    float *w = ss_conv_f32(a->w, true, &scratch), *b = ss_conv_f32(a->b, true, &scratch);
    ss_dhalf h;
    if (ss_conv_half(q, a, &h)) {
        ss_dhalf_begin(&h, w, b, back, scratch);
        ss_dhalf_run(&h);
        return;
    }
    float *in = ss_conv_f32(back ? a->y : a->x, true, &scratch);
    float *rows = row ? (float *)(void *)scratch : NULL,
          *wt = (float *)(void *)(scratch + ss_conv_pad(row));
    ss_depthwise_weights(q, w, wt);
    ss_depthwise_run(&(ss_depthwise){.q = q,
                                     .in = in,
                                     .wt = wt,
                                     .bias = b,
                                     .out = out,
                                     .rows = rows,
                                     .is = back ? q->y : q->x,
                                     .os = os,
                                     .back = back});
}

static inline void ss_conv_loops(const ss_conv *q, const ss_conv_args *a, void *scratch)
{
    char *at = scratch;
    const ss_conv_result r = a->result;
    if (ss_conv_depthwise3(q) && r != SS_CONV_W) {
        ss_conv_depthwise(q, a, scratch);
        return;
    }
    const ss_view *out = r == SS_CONV_Y ? a->y : r == SS_CONV_X ? a->x : a->w;
    float *x = ss_conv_f32(a->x, r != SS_CONV_X, &at), *w = ss_conv_f32(a->w, r != SS_CONV_W, &at);
    float *y = ss_conv_f32(a->y, r != SS_CONV_Y, &at), *b = ss_conv_f32(a->b, r != SS_CONV_W, &at);
    float *more = (float *)(void *)at;
    if (ss_conv_depthwise3(q)) {
        ss_depthwise_dw(q, x, y, w, more);
    } else if (r == SS_CONV_Y) {
        ss_conv_plain_y(q, x, w, b, y);
    } else if (r == SS_CONV_X) {
        ss_conv_plain_x(q, y, w, b, x);
    } else {
        ss_conv_plain_w(q, x, y, w);
    }
    if (r == SS_CONV_W && b) ss_rowsum(y, SS_F32, q->n * ss_conv_volume(q->y), q->o, b, more);
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
    ss_dhalf h;
    ss_status st = SS_OK;
    if (!ss_conv_depthwise3(q)) {
        if (ss_conv_tiled(q, a)) {
            ss_winograd_run(q, a, c->scratch);
            fast = true;
        } else {
            st = ss_conv_run(c, q, a, c->scratch, &fast);
        }
        if (!st && fast && ss_conv_own_bias(q, a))
            ss_rowsum(a->y->data, a->y->dtype, q->n * ss_conv_volume(q->y), q->o, a->b->data,
                      c->scratch);
        if (st) return st;
    }
    if (!fast) ss_conv_loops(q, a, c->scratch);
    if (q->gelu && !ss_conv_half(q, a, &h))
        ss_gelu_all(a->y->data, a->y->data, a->y->dtype, a->y->count);
    return SS_OK;
}
#endif
