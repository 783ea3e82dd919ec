/* twice.h — what the _twice_conv3d ops share: convolutions at stride 1 of an x whose rows and
 * columns count twice. winograd.h does without the large x; where it does not serve, scratch holds
 * it. */
#ifndef SEMISAM_TWICE_H
#define SEMISAM_TWICE_H
#include "block.h"
#include "conv_op.h"

/* Only pad is an attribute, number `at`. */
static inline ss_conv ss_twice(const ss_call *c, int at)
{
    ss_conv q = {.nd = 3, .groups = 1, .twice = true};
    for (int i = 0; i < 3; i++) {
        q.step[i] = q.dilation[i] = 1;
        q.pad[i] = c->attr[at].v[i];
    }
    return q;
}

/* x [n, d, h, w, c] as what it stands for. */
static inline ss_view ss_twice_view(const ss_view *x)
{
    ss_view v = *x;
    if (v.ndim != 5) return v;
    v.shape[2] *= 2;
    v.shape[3] *= 2;
    v.count *= 4;
    return v;
}

/* Of the products that are made: 9 for 36 where they are those of winograd.h. */
static inline double ss_twice_flops(const ss_conv *q, const ss_conv_args *a)
{
    return ss_conv_flops(q) / (ss_conv_tiled(q, a) ? 4 : 1);
}

static inline size_t ss_twice_bytes(const ss_view *large)
{
    return ss_conv_pad((size_t)large->count * ss_dtype_bytes(large->dtype));
}

static inline ss_status ss_twice_plan(ss_call *c, const ss_conv *q, const ss_conv_args *a)
{
    if (ss_conv_tiled(q, a)) return ss_conv_op_plan(c, q, a);
    const ss_view large = ss_twice_view(a->x);
    ss_conv whole = *q;
    ss_conv_args b = *a;
    whole.twice = false;
    b.x = &large;
    ss_status st = ss_conv_op_plan(c, &whole, &b);
    c->scratch_bytes += ss_twice_bytes(&large);
    return st;
}

static inline void ss_twice_enlarge(const ss_view *x, char *to)
{
    const int64_t wide = x->shape[3];
    const size_t pixel = (size_t)x->shape[4] * ss_dtype_bytes(x->dtype);
    const size_t row = 2 * pixel * (size_t)wide;
    SS_PARALLEL_FOR (i, x->shape[0] * x->shape[1] * x->shape[2], 4 * wide * x->shape[4]) {
        const char *from = (const char *)x->data + (size_t)(i * wide) * pixel;
        char *first = to + (size_t)i * 2 * row;
        for (int64_t j = 0; j < wide; j++) {
            memcpy(first + (size_t)(2 * j) * pixel, from + (size_t)j * pixel, pixel);
            memcpy(first + (size_t)(2 * j + 1) * pixel, from + (size_t)j * pixel, pixel);
        }
        memcpy(first + row, first, row);
    }
}

/* Each element of x is the sum of the four that it stands for. */
static inline void ss_twice_sum(const ss_view *large, const ss_view *x)
{
    const int64_t wide = x->shape[3], channels = x->shape[4], row = 2 * wide * channels;
    SS_PARALLEL_FOR (i, x->shape[0] * x->shape[1] * x->shape[2] * wide, 4 * channels) {
        const int64_t at = i / wide * 2 * row + i % wide * 2 * channels;
        for (int64_t c = 0; c < channels; c++) {
            const int64_t of[4] = {at + c, at + channels + c, at + row + c,
                                   at + row + channels + c};
            float sum = 0, v;
            for (int k = 0; k < 4; k++) {
                ss_load_f32(&v, ss_at(large, of[k]), large->dtype, 1);
                sum += v;
            }
            ss_store_f32(ss_at(x, i * channels + c), x->dtype, &sum, 1);
        }
    }
}

static inline ss_status ss_twice_cpu(ss_call *c, const ss_conv *q, const ss_conv_args *a)
{
    if (ss_conv_tiled(q, a)) return ss_conv_op_cpu(c, q, a);
    ss_view large = ss_twice_view(a->x);
    ss_conv whole = *q;
    ss_conv_args b = *a;
    ss_call inner = *c;
    whole.twice = false;
    b.x = &large;
    large.data = c->scratch;
    inner.scratch = (char *)c->scratch + ss_twice_bytes(&large);
    if (a->result != SS_CONV_X) ss_twice_enlarge(a->x, c->scratch);
    ss_status st = ss_conv_op_cpu(&inner, &whole, &b);
    if (!st && a->result == SS_CONV_X) ss_twice_sum(&large, a->x);
    return st;
}
#endif
