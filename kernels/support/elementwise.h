/* elementwise.h — one driver for every op that computes each element from the same place of its
 * inputs.
 *
 * An op writes a block function over plain arrays, compiled for its own instruction set:
 *
 *     SS_EW1(block, float, float, expf(a))
 *     static ss_status cpu(ss_call *c) { return ss_ew_f32(c, block, NULL); }
 *
 * The driver broadcasts, walks any strides, converts element types and splits the work over
 * threads. Contiguous arrays of the working type are read and written in place; scalars and
 * vectors repeated over leading axes are expanded once per thread, so that the block function
 * always sees unit strides. */
#ifndef SEMISAM_ELEMENTWISE_H
#define SEMISAM_ELEMENTWISE_H
#include "../cpu.h"
#include "overlap.h"

/* Type in which a block function sees an operand: f32 for floats, i64 for u8, i32, i64 and bool,
 * or truth values (0 or 1 in a byte; anything but zero is true, NaN too). */
typedef enum { SS_AS_F32, SS_AS_I64, SS_AS_BOOL } ss_as;

enum { SS_EW_MAX_IN = 4, SS_EW_BLOCK = 1024 };

/* y[0..n) from x[k][0..n). y may be the same array as an input; n <= SS_EW_BLOCK. */
typedef void ss_ew_fn(void *y, const void *const *x, const void *arg, int64_t n);

typedef struct ss_ew {
    ss_ew_fn *fn;
    const void *arg; /* handed to fn */
    ss_as out, in[SS_EW_MAX_IN];
} ss_ew;

/* ss_ew_run() — y = e(x[0..nin)). Every x broadcasts to y's shape; y has no repeated elements. */
void ss_ew_run(const ss_ew *e, const ss_view *y, int nin, const ss_view *x);

/* out[0] = fn(in...), everything seen as f32. */
ss_status ss_ew_f32(ss_call *c, ss_ew_fn *fn, const void *arg);
/* i64 when out[0] is an integer or bool, f32 otherwise. */
ss_status ss_ew_num(ss_call *c, ss_ew_fn *f32, ss_ew_fn *i64, const void *arg);
/* out[0] bool: inputs seen as i64 when both are integers or bool, f32 otherwise. */
ss_status ss_ew_compare(ss_call *c, ss_ew_fn *f32, ss_ew_fn *i64);

/* Shape rules. */
ss_status ss_infer_like(ss_call *c);      /* in[0]'s shape and type */
ss_status ss_infer_broadcast(ss_call *c); /* all inputs broadcast, type of in[0] */
ss_status ss_infer_promote(ss_call *c);   /* in[0] and in[1] broadcast, promoted type */
ss_status ss_infer_quotient(ss_call *c);  /* the same, f32 when neither is a float */
ss_status ss_infer_compare(ss_call *c);   /* in[0] and in[1] broadcast, bool */
/* An in-place op: in[1], if there is one, broadcasts to in[0], which repeats no elements. */
ss_status ss_infer_inplace(ss_call *c);

/* `arg` of a block function made by SS_EW1, 2, 3: NULL or two floats. Copied first, so that the
 * compiler need not reload them after every store. */
#define SS_EW_PARAMS                                                                               \
    const float p[2] = {arg ? ((const float *)arg)[0] : 0, arg ? ((const float *)arg)[1] : 0};     \
    (void)p;

/* Block functions of one, two, three inputs: T is the inputs' type, Y the output's, EXPR is
 * written over a, b, c and the parameters p[0] and p[1]. The same array may be read and written at
 * the same index, hence ivdep rather than restrict. */
#define SS_EW1(name, Y, T, EXPR)                                                                   \
    static void name(void *y_, const void *const *x_, const void *arg, int64_t n)                  \
    {                                                                                              \
        Y *y = (Y *)y_;                                                                            \
        const T *xa = (const T *)x_[0];                                                            \
        SS_EW_PARAMS                                                                               \
        SS_PRAGMA(GCC ivdep)                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const T a = xa[i];                                                                     \
            y[i] = (Y)(EXPR);                                                                      \
        }                                                                                          \
    }
#define SS_EW2(name, Y, T, EXPR)                                                                   \
    static void name(void *y_, const void *const *x_, const void *arg, int64_t n)                  \
    {                                                                                              \
        Y *y = (Y *)y_;                                                                            \
        const T *xa = (const T *)x_[0], *xb = (const T *)x_[1];                                    \
        SS_EW_PARAMS                                                                               \
        SS_PRAGMA(GCC ivdep)                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const T a = xa[i], b = xb[i];                                                          \
            y[i] = (Y)(EXPR);                                                                      \
        }                                                                                          \
    }
#define SS_EW3(name, Y, T, EXPR)                                                                   \
    static void name(void *y_, const void *const *x_, const void *arg, int64_t n)                  \
    {                                                                                              \
        Y *y = (Y *)y_;                                                                            \
        const T *xa = (const T *)x_[0], *xb = (const T *)x_[1], *xc = (const T *)x_[2];            \
        SS_EW_PARAMS                                                                               \
        SS_PRAGMA(GCC ivdep)                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const T a = xa[i], b = xb[i], c = xc[i];                                               \
            y[i] = (Y)(EXPR);                                                                      \
        }                                                                                          \
    }
#endif
