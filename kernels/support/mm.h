/* mm.h — one batched matrix product, by oneDNN or by plain loops. */
#ifndef SEMISAM_MM_H
#define SEMISAM_MM_H
#include "dnn.h"

/* y[b] = act(x[b] w[b] + bias) + residual[b]: x is [m, k], w [k, n], y and residual [m, n], all
 * row-major, `batch` of each one after another. */
typedef struct ss_mm {
    int64_t batch, m, k, n;
    bool x_transposed, w_transposed; /* stored as [k, m], [n, k] */
    bool x_shared, w_shared;         /* one matrix for all of the batch */
    bool w_parameter;                /* w is small against x: worth another layout */
    ss_act act;
    ss_dtype compute, x_type, w_type, b_type, y_type; /* the residual has y_type */
    bool bias, residual;
    const ss_view *w; /* set when w may be kept packed */
} ss_mm;

/* Scratch bytes that ss_mm_run needs. */
ss_status ss_mm_plan(ss_call *c, const ss_mm *q, size_t *bytes);
/* b is NULL without bias, r without residual. */
ss_status ss_mm_run(ss_call *c, const ss_mm *q, const void *x, const void *w, const void *b,
                    const void *r, void *y, void *scratch);
#endif
