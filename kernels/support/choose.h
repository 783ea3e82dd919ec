/* choose.h — folding by comparison. In a header, so that every op that chooses is compiled for its
 * own instruction set. */
#ifndef SEMISAM_CHOOSE_H
#define SEMISAM_CHOOSE_H
#include "extrema.h"

/* EXPR chooses between the new element a and b, what was chosen so far. A row is walked in 16
 * independent chains, which fit a vector. */
#define FOLD(name, T, A, FIELD, EXPR)                                                              \
    static inline T pick_##name(T a, T b)                                                          \
    {                                                                                              \
        return EXPR;                                                                               \
    }                                                                                              \
    static inline void merge_##name(ss_acc *acc, const ss_acc *x, int64_t n)                       \
    {                                                                                              \
        for (int64_t j = 0; j < n; j++) {                                                          \
            const A a = x[j].FIELD, b = acc[j].FIELD;                                              \
            acc[j].FIELD = EXPR;                                                                   \
        }                                                                                          \
    }                                                                                              \
    static inline void row_##name(ss_acc *acc, const void *x_, int64_t n)                          \
    {                                                                                              \
        const T *x = (const T *)x_;                                                                \
        T lane[16];                                                                                \
        int64_t i = 0;                                                                             \
        for (int j = 0; j < 16; j++) lane[j] = (T)acc->FIELD;                                      \
        for (; i + 16 <= n; i += 16)                                                               \
            for (int j = 0; j < 16; j++) lane[j] = pick_##name(x[i + j], lane[j]);                 \
        for (; i < n; i++) lane[0] = pick_##name(x[i], lane[0]);                                   \
        for (int j = 1; j < 16; j++) lane[0] = pick_##name(lane[j], lane[0]);                      \
        acc->FIELD = (A)lane[0];                                                                   \
    }                                                                                              \
    static inline void cols_##name(ss_acc *acc, const void *x_, int64_t n)                         \
    {                                                                                              \
        const T *x = (const T *)x_;                                                                \
        for (int64_t j = 0; j < n; j++) {                                                          \
            const A a = (A)x[j], b = acc[j].FIELD;                                                 \
            acc[j].FIELD = EXPR;                                                                   \
        }                                                                                          \
    }
/* A NaN in b survives because comparisons with it fail. */
FOLD(largest, float, double, d, (a > b) | (a != a) ? a : b)
FOLD(smallest, float, double, d, (a < b) | (a != a) ? a : b)
FOLD(largest_int, int64_t, int64_t, i, a > b ? a : b)
FOLD(smallest_int, int64_t, int64_t, i, a < b ? a : b)
FOLD(any, uint8_t, int64_t, i, a | b)
FOLD(all, uint8_t, int64_t, i, a &b)

static inline void finish_float(const void *arg, int64_t first, const ss_acc *a, int64_t n)
{
    const ss_view *y = (const ss_view *)arg;
    const int64_t size = (int64_t)ss_dtype_bytes(y->dtype);
    for (int64_t j = 0; j < n; j++) {
        const float v = (float)a[j].d;
        ss_store_f32((char *)y->data + (first + j) * size, y->dtype, &v, 1);
    }
}

static inline void finish_int(const void *arg, int64_t first, const ss_acc *a, int64_t n)
{
    const ss_view *y = (const ss_view *)arg;
    const int64_t size = (int64_t)ss_dtype_bytes(y->dtype);
    for (int64_t j = 0; j < n; j++)
        ss_store_run((char *)y->data + (first + j) * size, y->dtype, 1, &a[j].i, SS_AS_I64, 1);
}

#define REDUCER(AS, INIT, NAME, FINISH)                                                            \
    {                                                                                              \
        .as = AS, .init = {INIT}, .row = row_##NAME, .cols = cols_##NAME, .merge = merge_##NAME,   \
        .finish = FINISH                                                                           \
    }

/* out[0] = the largest or smallest element (NaN if there is one), or whether any or all are true,
 * over attr[0]. */
static inline ss_status ss_choose(ss_call *c, ss_choice which)
{
    static const ss_reducer floats[] = {
        REDUCER(SS_AS_F32, .d = -INFINITY, largest, finish_float),
        REDUCER(SS_AS_F32, .d = INFINITY, smallest, finish_float),
    };
    static const ss_reducer others[] = {
        REDUCER(SS_AS_I64, .i = INT64_MIN, largest_int, finish_int),
        REDUCER(SS_AS_I64, .i = INT64_MAX, smallest_int, finish_int),
        REDUCER(SS_AS_BOOL, .i = 0, any, finish_int),
        REDUCER(SS_AS_BOOL, .i = 1, all, finish_int),
    };
    const bool f = which <= SS_SMALLEST && ss_is_float(c->in[0].dtype);
    ss_reducer r = f ? floats[which] : others[which];
    r.arg = &c->out[0];
    if (c->in[0].count == 0) { /* only any and all get here with results to give */
        for (int64_t j = 0; j < c->out[0].count; j++) r.finish(r.arg, j, &r.init, 1);
        return SS_OK;
    }
    ss_reduce(&r, &c->in[0], &c->attr[0], c->scratch);
    return SS_OK;
}
#endif
