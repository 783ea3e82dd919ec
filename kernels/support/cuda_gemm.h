/* cuda_gemm.h — a batched matrix product on the device (cuda/gemm.h) and the scratch it takes.
 *
 * y[i] = act(x[i] w[i] + bias) + residual[i]: x is [m, k], w [k, n], y and residual [m, n], all
 * row-major. Sums are f32 (f32 operands too: no TF32). */
#ifndef SEMISAM_CUDA_GEMM_PLAN_H
#define SEMISAM_CUDA_GEMM_PLAN_H
#include "act.h"
#include "cuda_lay.h"

typedef struct ss_gemm {
    int64_t batch, m, n, k;
    bool x_transposed, w_transposed; /* stored as [k, m], [n, k] */
    int64_t x_step, w_step;          /* elements from one matrix of the batch to the next, or 0 */
    ss_dtype type, y_type;           /* of x and w; of y and the residual: the same or f32 */
    ss_dtype b_type;
    ss_act act;
    bool bias, residual;
    const void *b_kept; /* the bias in y's type where a copy is kept; NULL: it is made in scratch */
    bool accumulate;    /* y += instead of y =; without act and residual */
} ss_gemm;

/* Scratch of ss_gemm_run: the library's workspace and the bias in y's type. */
static inline size_t ss_gemm_work(const ss_gemm *q)
{
    enum { SPLITS = 16 }; /* parts of a long sum over k that may wait to be added up */
    const size_t most = (size_t)8 << 20, least = (size_t)64 << 10;
    const size_t want = (size_t)(q->batch * q->m * q->n) * sizeof(float) * SPLITS;
    return want < least ? least : want < most ? want : most;
}
static inline size_t ss_gemm_bytes(const ss_gemm *q)
{
    ss_lay l = {NULL, 0};
    if (q->batch * q->m * q->n == 0) return 0;
    ss_take(&l, ss_gemm_work(q));
    if (q->bias && q->b_type != q->y_type) ss_take(&l, (size_t)q->n * ss_dtype_bytes(q->y_type));
    return l.used;
}
#endif
