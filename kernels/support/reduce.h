/* reduce.h — one driver for every op that folds axes of a contiguous array.
 *
 * The order of every sum is a function of the shape alone: results do not depend on threads.
 * Floats are summed in f64. */
#ifndef SEMISAM_REDUCE_H
#define SEMISAM_REDUCE_H
#include "fold.h"
#include "strided.h"

/* Elements handed to a reducer at a time, at most. */
enum { SS_REDUCE_UNIT = 1024 };

typedef union {
    double d;
    int64_t i;
} ss_acc;

/* How elements fold. Blocks arrive as working type `as`. */
typedef struct ss_reducer {
    ss_as as;
    ss_acc init;
    void (*row)(ss_acc *a, const void *x, int64_t n);     /* x[0..n) into a[0] */
    void (*cols)(ss_acc *a, const void *x, int64_t n);    /* x[j] into a[j] */
    void (*merge)(ss_acc *a, const ss_acc *b, int64_t n); /* b[j] into a[j]; b comes later */
    /* Results first..first+n are complete. */
    void (*finish)(const void *arg, int64_t first, const ss_acc *a, int64_t n);
    const void *arg;
} ss_reducer;

/* ss_infer_reduce() — out[k] of type t: the axes in `dims` (absent: all) folded, kept with size 1
 * when keepdim is set. */
ss_status ss_infer_reduce(ss_call *c, int k, ss_dtype t, const ss_attr *dims, bool keepdim);
/* The same shape as attributes for gradients: sizes of x with the folded axes set to 1. */
ss_attr ss_kept_shape(const ss_view *x, const ss_attr *dims);

/* Scratch bytes ss_reduce() wants, and the reduction itself. x is contiguous; results come in
 * row-major order of the kept axes. */
size_t ss_reduce_scratch(const ss_view *x, const ss_attr *dims);
void ss_reduce(const ss_reducer *r, const ss_view *x, const ss_attr *dims, void *scratch);

/* `plan` of an op whose only scratch is that: attr[0] is dims. */
ss_status ss_plan_reduce(ss_call *c);
/* out[0] = NaN everywhere: what has no value, such as the mean of nothing. */
ss_status ss_fill_nan(ss_call *c);
#endif
