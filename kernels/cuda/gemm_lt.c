/* gemm_lt.c — matrix products in cuBLASLt's terms.
 *
 * cuBLASLt thinks in columns. A row-major matrix is the transpose of the same bytes read by
 * columns, so what is asked for is y^T = w^T x^T: A is w, B is x, and the bias runs along the rows
 * of the result, as BIAS wants it. */
#include "gemm_lt.h"
#include <stdlib.h>
#include <string.h>

#if SS_HAS_CUBLASLT

enum { MOST_ALIGN = 256 };

static uint32_t alignment(const void *p)
{
    const uintptr_t at = (uintptr_t)p;
    uint32_t a = MOST_ALIGN;
    while (at % a) a /= 2;
    return a;
}

void ss_lt_key_of(ss_lt_key *k, const ss_gemm *q, bool bias, const void *const operand[4])
{
    memset(k, 0, sizeof *k);
    k->batch = q->batch, k->m = q->m, k->n = q->n, k->k = q->k;
    if (q->batch > 1) k->x_step = q->x_step, k->w_step = q->w_step;
    k->x_transposed = q->x_transposed, k->w_transposed = q->w_transposed;
    k->type = (int32_t)q->type, k->y_type = (int32_t)q->y_type;
    k->bias = bias;
    for (int i = 0; i < 4; i++) k->align[i] = alignment(operand[i]);
}

static cudaDataType_t type_of(ss_dtype t)
{
    return t == SS_F16 ? CUDA_R_16F : t == SS_BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

/* The bytes of a row-major [rows, cols] read by columns. */
static cublasStatus_t layout(const ss_lt_functions *f, cublasLtMatrixLayout_t *l, int32_t type,
                             int64_t rows, int64_t cols, int64_t batch, int64_t step)
{
    const int32_t count = (int32_t)batch;
    cublasStatus_t st = f->cublasLtMatrixLayoutCreate(l, type_of((ss_dtype)type), (uint64_t)cols,
                                                      (uint64_t)rows, cols);
    if (!st && batch > 1)
        st = f->cublasLtMatrixLayoutSetAttribute(*l, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count,
                                                 sizeof count);
    if (!st && batch > 1)
        st = f->cublasLtMatrixLayoutSetAttribute(*l, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                                 &step, sizeof step);
    return st;
}

cublasStatus_t ss_lt_describe(const ss_lt_functions *f, ss_lt_plan *p)
{
    const ss_lt_key *k = &p->key;
    const int32_t ta = k->w_transposed ? CUBLAS_OP_T : CUBLAS_OP_N,
                  tb = k->x_transposed ? CUBLAS_OP_T : CUBLAS_OP_N,
                  epilogue = k->bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
    cublasStatus_t st = f->cublasLtMatmulDescCreate(&p->op, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    if (!st)
        st = f->cublasLtMatmulDescSetAttribute(p->op, CUBLASLT_MATMUL_DESC_TRANSA, &ta, sizeof ta);
    if (!st)
        st = f->cublasLtMatmulDescSetAttribute(p->op, CUBLASLT_MATMUL_DESC_TRANSB, &tb, sizeof tb);
    if (!st)
        st = f->cublasLtMatmulDescSetAttribute(p->op, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue,
                                               sizeof epilogue);
    const int64_t wr = k->w_transposed ? k->n : k->k, wc = k->w_transposed ? k->k : k->n;
    const int64_t xr = k->x_transposed ? k->k : k->m, xc = k->x_transposed ? k->m : k->k;
    if (!st) st = layout(f, &p->a, k->type, wr, wc, k->batch, k->w_step);
    if (!st) st = layout(f, &p->b, k->type, xr, xc, k->batch, k->x_step);
    if (!st) st = layout(f, &p->d, k->y_type, k->m, k->n, k->batch, k->m * k->n);
    return st;
}

cublasStatus_t ss_lt_prefer(const ss_lt_functions *f, cublasLtMatmulPreference_t pref,
                            const ss_lt_plan *p, size_t work)
{
    static const cublasLtMatmulPreferenceAttributes_t which[4] = {
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES};
    const uint64_t bytes = work;
    cublasStatus_t st = f->cublasLtMatmulPreferenceSetAttribute(
        pref, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes, sizeof bytes);
    for (int i = 0; i < 4 && !st; i++)
        st = f->cublasLtMatmulPreferenceSetAttribute(pref, which[i], &p->key.align[i],
                                                     sizeof p->key.align[i]);
    return st;
}

cublasStatus_t ss_lt_choose(const ss_lt_functions *f, cublasLtHandle_t h, ss_lt_plan *p,
                            size_t work)
{
    cublasLtMatmulPreference_t pref = NULL;
    cublasLtMatmulHeuristicResult_t best;
    int n = 0;
    memset(&best, 0, sizeof best);
    cublasStatus_t st = f->cublasLtMatmulPreferenceCreate(&pref);
    if (!st) st = ss_lt_prefer(f, pref, p, work);
    if (!st) {
        const cublasStatus_t none =
            f->cublasLtMatmulAlgoGetHeuristic(h, p->op, p->a, p->b, p->d, p->d, pref, 1, &best, &n);
        if (none != CUBLAS_STATUS_SUCCESS && none != CUBLAS_STATUS_NOT_SUPPORTED) st = none;
    }
    p->found = !st && n > 0 && best.state == CUBLAS_STATUS_SUCCESS && best.workspaceSize <= work;
    p->algo = best.algo;
    p->work = best.workspaceSize;
    if (pref) f->cublasLtMatmulPreferenceDestroy(pref);
    return st;
}

void ss_lt_drop(const ss_lt_functions *f, ss_lt_plan *p)
{
    if (p->op) f->cublasLtMatmulDescDestroy(p->op);
    if (p->a) f->cublasLtMatrixLayoutDestroy(p->a);
    if (p->b) f->cublasLtMatrixLayoutDestroy(p->b);
    if (p->d) f->cublasLtMatrixLayoutDestroy(p->d);
    free(p);
}

#endif
