/* sums.h — folding by addition. In a header, so that every op that sums is compiled for its own
 * instruction set. */
#ifndef SEMISAM_SUMS_H
#define SEMISAM_SUMS_H
#include "reduce.h"

/* Eight running sums, added in a fixed order: independent of the vector width. */
#define ROW_SUM(name, T, A, FIELD, EXPR)                                                           \
    static inline void name(ss_acc *acc, const void *x_, int64_t n)                                \
    {                                                                                              \
        const T *x = (const T *)x_;                                                                \
        A s[8] = {0};                                                                              \
        int64_t i = 0;                                                                             \
        for (; i + 8 <= n; i += 8)                                                                 \
            for (int j = 0; j < 8; j++) {                                                          \
                const A a = (A)x[i + j];                                                           \
                s[j] += EXPR;                                                                      \
            }                                                                                      \
        for (int j = 0; i < n; i++, j++) {                                                         \
            const A a = (A)x[i];                                                                   \
            s[j] += EXPR;                                                                          \
        }                                                                                          \
        acc->FIELD += ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));           \
    }
#define COL_SUM(name, T, A, FIELD, EXPR)                                                           \
    static inline void name(ss_acc *acc, const void *x_, int64_t n)                                \
    {                                                                                              \
        const T *x = (const T *)x_;                                                                \
        for (int64_t j = 0; j < n; j++) {                                                          \
            const A a = (A)x[j];                                                                   \
            acc[j].FIELD += EXPR;                                                                  \
        }                                                                                          \
    }
ROW_SUM(row_sum, float, double, d, a)
COL_SUM(col_sum, float, double, d, a)
ROW_SUM(row_squares, float, double, d, a *a)
COL_SUM(col_squares, float, double, d, a *a)
/* Unsigned: integer sums wrap instead of being undefined. */
ROW_SUM(row_sum_int, int64_t, uint64_t, i, a)
COL_SUM(col_sum_int, int64_t, uint64_t, i, a)

static inline void merge_sum(ss_acc *a, const ss_acc *b, int64_t n)
{
    for (int64_t j = 0; j < n; j++) a[j].d += b[j].d;
}

static inline void merge_sum_int(ss_acc *a, const ss_acc *b, int64_t n)
{
    for (int64_t j = 0; j < n; j++) a[j].i = (int64_t)((uint64_t)a[j].i + (uint64_t)b[j].i);
}

static const ss_reducer ss_sum_float = {
    .as = SS_AS_F32, .row = row_sum, .cols = col_sum, .merge = merge_sum};
static const ss_reducer ss_sum_squares = {
    .as = SS_AS_F32, .row = row_squares, .cols = col_squares, .merge = merge_sum};
static const ss_reducer ss_sum_int = {
    .as = SS_AS_I64, .row = row_sum_int, .cols = col_sum_int, .merge = merge_sum_int};

typedef struct {
    const ss_view *y;
    double scale;
} ss_sum_out;

static inline void finish_sum(const void *arg, int64_t first, const ss_acc *a, int64_t n)
{
    const ss_sum_out *o = (const ss_sum_out *)arg;
    char *dst = (char *)o->y->data + first * (int64_t)ss_dtype_bytes(o->y->dtype);
    float part[SS_REDUCE_UNIT];
    for (int64_t j = 0; j < n; j++) part[j] = (float)(a[j].d * o->scale);
    ss_store_f32(dst, o->y->dtype, part, n);
}

static inline void finish_sum_int(const void *arg, int64_t first, const ss_acc *a, int64_t n)
{
    const ss_sum_out *o = (const ss_sum_out *)arg;
    char *dst = (char *)o->y->data + first * (int64_t)ss_dtype_bytes(o->y->dtype);
    int64_t part[SS_REDUCE_UNIT];
    for (int64_t j = 0; j < n; j++) part[j] = a[j].i;
    ss_store_run(dst, o->y->dtype, 1, part, SS_AS_I64, n);
}

/* out[0] = sum of in[0] over dims, times scale; exact for integers. */
static inline ss_status ss_sum_into(ss_call *c, const ss_attr *dims, double scale)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    const ss_sum_out o = {y, scale};
    const bool exact = !ss_is_float(x->dtype) && !ss_is_float(y->dtype);
    ss_reducer r = exact ? ss_sum_int : ss_sum_float;
    r.finish = exact ? finish_sum_int : finish_sum;
    r.arg = &o;
    if (x->count == 0)
        ss_zero_view(y);
    else
        ss_reduce(&r, x, dims, c->scratch);
    return SS_OK;
}
#endif
