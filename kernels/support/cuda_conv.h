/* cuda_conv.h — convolutions on the device (cuda/conv.h): by kernels of our own (few channels in
 * f32), by cuDNN, or by matrix products on gathered rows; and the scratch they take.
 *
 * What is chosen depends on the card and on the libraries found; the scratch does not, so that
 * meta:cuda counts what the device takes. $SEMISAM_CONV=gemm takes products only; =cudnn leaves our
 * own kernels out, and fails where cuDNN is missing.
 *
 * Weights are [out, in/groups, k..] in a tensor and [out, k.., in/groups] here ("packed"), in the
 * type computed in. */
#ifndef SEMISAM_CUDA_CONV_PLAN_H
#define SEMISAM_CUDA_CONV_PLAN_H
#include "conv_shape.h"
#include "cuda_conv_direct.h"
#include "cuda_gemm.h"
#include "fold.h"
#include <string.h>

#define SS_CONV_CAP ((size_t)32 << 20) /* of gathered rows, and of cuDNN's workspace */

static inline int64_t ss_conv_taps(const ss_conv *q)
{
    return ss_conv_volume(q->k);
}
static inline int64_t ss_conv_rows(const ss_conv *q, ss_conv_result which)
{
    return q->n * ss_conv_volume(which == SS_CONV_X ? q->x : q->y);
}

/* Kernels that lie side by side and cover x: every element of x meets one tap. */
static inline bool ss_conv_tiles(const ss_conv *q)
{
    for (int i = 0; i < 3; i++)
        if (q->k[i] != q->step[i] || q->pad[i] || q->x[i] != q->y[i] * q->k[i]) return false;
    return q->groups == 1;
}

/* Patches of few channels, cut side by side, are a rearranged product: cuDNN has only slow code
 * for them. */
static inline bool ss_conv_cuts(const ss_conv *q)
{
    const int64_t few = 8;
    return ss_conv_tiles(q) && q->c < few;
}

/* The element type of the sum's factors. */
static inline ss_dtype ss_conv_type(const ss_conv_args *a)
{
    if (a->result == SS_CONV_W && a->x->dtype != a->y->dtype) return SS_F32;
    return a->result == SS_CONV_X ? a->y->dtype : a->x->dtype;
}

/* ---- by matrix products ------------------------------------------------------------------ */

/* Rows of y, or of x for its gradient, that are gathered and multiplied at a time. */
typedef struct ss_conv_chunk {
    int64_t rows, count, depth; /* of all, of one chunk, elements gathered per row */
} ss_conv_chunk;

static inline ss_conv_chunk ss_conv_chunk_of(const ss_conv *q, ss_conv_result r, ss_dtype t)
{
    const bool back = r == SS_CONV_X && !ss_conv_tiles(q);
    ss_conv_chunk k = {ss_conv_rows(q, back ? SS_CONV_X : SS_CONV_Y), 0,
                       ss_conv_taps(q) * (back ? q->o : q->c)};
    const size_t row = (size_t)k.depth * ss_dtype_bytes(t);
    const int64_t fit = row ? (int64_t)(SS_CONV_CAP / row) : k.rows;
    k.count = k.rows < fit ? k.rows : fit > 64 ? fit / 64 * 64 : fit < 1 ? 1 : fit;
    return k;
}

/* The product of one chunk of `rows` rows. */
static inline ss_gemm ss_conv_gemm(const ss_conv *q, const ss_conv_args *a, ss_dtype t,
                                   int64_t rows)
{
    const int64_t taps = ss_conv_taps(q);
    const bool bias = a->b && a->b->present && a->result != SS_CONV_W;
    ss_gemm m;
    memset(&m, 0, sizeof m);
    m.batch = 1;
    m.type = m.y_type = t;
    m.m = rows;
    m.bias = bias;
    m.b_type = bias ? a->b->dtype : SS_F32;
    switch (a->result) {
    case SS_CONV_Y:
        m.k = taps * q->c, m.n = q->o, m.w_transposed = true;
        break;
    case SS_CONV_X:
        m.k = q->o, m.n = taps * q->c;
        if (ss_conv_tiles(q) && taps > 1)
            m.bias = false; /* added on the way to x */
        else
            m.k = q->o * taps, m.n = q->c;
        break;
    case SS_CONV_W:
        m.k = rows, m.m = q->o, m.n = taps * q->c, m.x_transposed = true, m.y_type = SS_F32;
        break;
    }
    return m;
}

/* Parts of the rows that blocks of the grouped weight gradient add up. */
static inline int64_t ss_conv_grouped_parts(const ss_conv *q)
{
    const int64_t worth = 512, most = 64, rows = ss_conv_rows(q, SS_CONV_Y);
    const int64_t parts = (rows + worth - 1) / worth;
    return parts < 1 ? 1 : parts < most ? parts : most;
}

static inline size_t ss_conv_weights(const ss_conv *q)
{
    return (size_t)(q->o * (q->c / q->groups) * ss_conv_taps(q));
}

/* ---- scratch ------------------------------------------------------------------------------- */

/* Working memory of the product or the library, whichever wants more. */
static inline size_t ss_conv_work(const ss_conv *q, const ss_conv_args *a, ss_dtype t)
{
    const bool dw = a->result == SS_CONV_W;
    size_t own, library = (size_t)1 << 20;
    if (q->groups > 1) {
        own = dw ? (size_t)ss_conv_grouped_parts(q) * ss_conv_weights(q) * sizeof(float) : 0;
    } else if (ss_conv_pointwise(q)) {
        const ss_gemm m = ss_conv_gemm(q, a, t, ss_conv_rows(q, SS_CONV_Y));
        own = ss_gemm_bytes(&m), library = 0;
    } else {
        const ss_conv_chunk k = ss_conv_chunk_of(q, a->result, t);
        const ss_gemm m = ss_conv_gemm(q, a, t, k.count);
        ss_lay l = {NULL, 0};
        ss_take(&l, (size_t)(k.count * k.depth) * ss_dtype_bytes(t));
        own = l.used + ss_gemm_bytes(&m);
    }
    if (library)
        library += (size_t)(ss_conv_rows(q, SS_CONV_X) * q->c + ss_conv_rows(q, SS_CONV_Y) * q->o) *
                       ss_dtype_bytes(t) +
                   ss_conv_weights(q) * sizeof(float);
    if (library > SS_CONV_CAP) library = SS_CONV_CAP;
    if (ss_direct_fits(q, a->result, t) && ss_direct_bytes(q, a->result) > own)
        own = ss_direct_bytes(q, a->result);
    return own > library ? own : library;
}

enum { SS_CONV_PACKED = 0x100 }; /* the key of packed weights, with their type */

/* Whether the weights have to be packed: not a matrix already, or of another type. */
static inline bool ss_conv_packs(const ss_conv *q, const ss_conv_args *a, ss_dtype t)
{
    return ss_conv_taps(q) > 1 || a->w->dtype != t;
}

static inline bool ss_conv_empty(const ss_conv *q)
{
    return ss_conv_rows(q, SS_CONV_X) * q->c == 0 || ss_conv_rows(q, SS_CONV_Y) * q->o == 0;
}

/* plan_cuda of the convolution ops. */
static inline ss_status ss_conv_plan_cuda(ss_call *c, const ss_conv *q, const ss_conv_args *a)
{
    const ss_dtype t = ss_conv_type(a);
    const size_t size = ss_dtype_bytes(t), weights = ss_conv_weights(q);
    ss_lay l = {NULL, 0};
    if (ss_conv_empty(q)) return SS_OK;
    if (a->result == SS_CONV_W) {
        if (a->x->dtype != t) ss_take(&l, (size_t)a->x->count * size);
        if (a->y->dtype != t) ss_take(&l, (size_t)a->y->count * size);
        if (ss_conv_taps(q) > 1 || t != SS_F32) ss_take(&l, weights * sizeof(float));
    } else if (ss_conv_packs(q, a, t)) {
        ss_lay_copy(c, &l, a->w, SS_CONV_PACKED | t, weights * size);
    }
    ss_take(&l, ss_conv_work(q, a, t));
    c->scratch_bytes = l.used;
    if (a->result == SS_CONV_W && a->b) { /* before the rest, in the same place */
        const ss_attr dims = ss_leading_axes(a->y);
        const size_t sum = ss_fold_scratch(a->y, &dims);
        if (sum > l.used) c->scratch_bytes = sum;
    }
    return SS_OK;
}
#endif
