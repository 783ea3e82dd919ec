/* gemm.c — matrix products through cuBLASLt: descriptors and the chosen algorithm are kept by
 * shape.
 *
 * cuBLASLt thinks in columns. A row-major matrix is the transpose of the same bytes read by
 * columns, so what is asked for is y^T = w^T x^T: A is w, B is x, and the bias runs along the rows
 * of the result, as BIAS wants it. */
#include "gemm.h"
#include "libs.h"
#include <stdlib.h>
#include <string.h>

#if SS_HAS_CUBLASLT

enum { SLOTS = 1024, MOST_ALIGN = 256 };

/* What decides about descriptors and algorithm. Zeroed before it is filled, compared as bytes. */
typedef struct key {
    int64_t batch, m, n, k, x_step, w_step;
    int32_t x_transposed, w_transposed, type, y_type, bias, pad_;
    uint32_t align[4]; /* of w, x, c, y */
} key;

typedef struct plan {
    struct plan *next;
    key key;
    cublasLtMatmulDesc_t op;
    cublasLtMatrixLayout_t a, b, d;
    cublasLtMatmulAlgo_t algo;
    size_t work;
    bool found; /* the library has code for it */
} plan;

struct ss_gemm_cache {
    plan *slot[SLOTS];
};

/* ---- descriptors ---------------------------------------------------------------------- */

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

static cublasStatus_t describe(const ss_lt_functions *f, plan *p)
{
    const key *k = &p->key;
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

static cublasStatus_t prefer(const ss_lt_functions *f, cublasLtMatmulPreference_t pref, plan *p,
                             size_t work)
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

/* Asks for an algorithm; none at all is no failure. */
static cublasStatus_t choose(const ss_libs *l, plan *p, size_t work)
{
    const ss_lt_functions *f = l->lt;
    cublasLtMatmulPreference_t pref = NULL;
    cublasLtMatmulHeuristicResult_t best;
    int n = 0;
    memset(&best, 0, sizeof best);
    cublasStatus_t st = f->cublasLtMatmulPreferenceCreate(&pref);
    if (!st) st = prefer(f, pref, p, work);
    if (!st) {
        const cublasStatus_t none = f->cublasLtMatmulAlgoGetHeuristic(
            l->lt_handle, p->op, p->a, p->b, p->d, p->d, pref, 1, &best, &n);
        if (none != CUBLAS_STATUS_SUCCESS && none != CUBLAS_STATUS_NOT_SUPPORTED) st = none;
    }
    p->found = !st && n > 0 && best.state == CUBLAS_STATUS_SUCCESS && best.workspaceSize <= work;
    p->algo = best.algo;
    p->work = best.workspaceSize;
    if (pref) f->cublasLtMatmulPreferenceDestroy(pref);
    return st;
}

/* ---- the cache -------------------------------------------------------------------------- */

static void drop(const ss_lt_functions *f, plan *p)
{
    if (p->op) f->cublasLtMatmulDescDestroy(p->op);
    if (p->a) f->cublasLtMatrixLayoutDestroy(p->a);
    if (p->b) f->cublasLtMatrixLayoutDestroy(p->b);
    if (p->d) f->cublasLtMatrixLayoutDestroy(p->d);
    free(p);
}

void ss_gemm_close(ss_libs *l)
{
    for (int i = 0; l->gemm && i < SLOTS; i++)
        while (l->gemm->slot[i]) {
            plan *p = l->gemm->slot[i];
            l->gemm->slot[i] = p->next;
            drop(l->lt, p);
        }
    free(l->gemm);
    l->gemm = NULL;
}

static size_t slot_of(const key *k)
{
    const unsigned char *p = (const unsigned char *)k;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < sizeof *k; i++) h = (h ^ p[i]) * 0x100000001b3u;
    return (size_t)(h >> 20) % SLOTS;
}

static plan *find(ss_call *c, ss_libs *l, const key *k, size_t work)
{
    if (!l->gemm && !(l->gemm = calloc(1, sizeof *l->gemm))) goto memory;
    plan **at = &l->gemm->slot[slot_of(k)];
    for (plan *p = *at; p; p = p->next)
        if (memcmp(&p->key, k, sizeof *k) == 0) return p;
    plan *p = calloc(1, sizeof *p);
    if (!p) goto memory;
    p->key = *k;
    cublasStatus_t st = describe(l->lt, p);
    if (!st) st = choose(l, p, work);
    if (st) {
        drop(l->lt, p);
        ss_fail(c, SS_E_CUDA, "cuBLASLt refused a product of %lldx%lldx%lld (status %d)",
                (long long)k->m, (long long)k->n, (long long)k->k, (int)st);
        return NULL;
    }
    p->next = *at;
    return *at = p;
memory:
    ss_fail(c, SS_E_NOMEM, "out of memory for a matrix product");
    return NULL;
}

/* ---- running ------------------------------------------------------------------------------ */

static uint32_t alignment(const void *p)
{
    const uintptr_t at = (uintptr_t)p;
    uint32_t a = MOST_ALIGN;
    while (at % a) a /= 2;
    return a;
}

static key key_of(const ss_gemm *q, bool bias, const void *const operand[4])
{
    key k;
    memset(&k, 0, sizeof k);
    k.batch = q->batch, k.m = q->m, k.n = q->n, k.k = q->k;
    if (q->batch > 1) k.x_step = q->x_step, k.w_step = q->w_step;
    k.x_transposed = q->x_transposed, k.w_transposed = q->w_transposed;
    k.type = (int32_t)q->type, k.y_type = (int32_t)q->y_type;
    k.bias = bias;
    for (int i = 0; i < 4; i++) k.align[i] = alignment(operand[i]);
    return k;
}

/* y = x w [+ bias] + beta c. *done is false where the library has no code for it. */
static ss_status multiply(ss_call *c, ss_gpu *g, ss_libs *l, const ss_gemm *q, const void *x,
                          const void *w, const void *b, const void *add, void *y, void *work,
                          bool *done)
{
    const float one = 1, beta = add ? 1.0f : 0.0f;
    const void *const from = add ? add : y;
    const key k = key_of(q, b != NULL, (const void *[]){w, x, from, y});
    plan *p = find(c, l, &k, ss_gemm_work(q));
    if (!p) return SS_E_CUDA;
    *done = p->found;
    if (!p->found) return SS_OK;
    cublasStatus_t st = CUBLAS_STATUS_SUCCESS;
    if (b)
        st = l->lt->cublasLtMatmulDescSetAttribute(p->op, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &b,
                                                   sizeof b);
    if (!st)
        st = l->lt->cublasLtMatmul(l->lt_handle, p->op, &one, w, p->a, x, p->b, &beta, from, p->d,
                                   y, p->d, &p->algo, work, p->work, g->stream);
    if (st)
        return ss_fail(c, SS_E_CUDA, "cuBLASLt failed on a product of %lldx%lldx%lld (status %d)",
                       (long long)q->m, (long long)q->n, (long long)q->k, (int)st);
    return SS_OK;
}

/* The product with as much of bias and residual as the library takes; `left` is what remains. */
static ss_status product(ss_call *c, ss_gpu *g, const ss_gemm *q, const void *x, const void *w,
                         const void *b, const void *r, void *y, char *scratch, ss_gemm *left)
{
    ss_libs *l = ss_libs_with_lt(c, g);
    const bool linear = q->act == SS_ACT_NONE;
    const void *add = q->accumulate ? y : q->residual && linear ? r : NULL;
    bool done = false;
    ss_status st = SS_OK;
    if (!l) return SS_E_DEVICE;
    if (q->bias && linear) {
        const void *same = b;
        if (q->b_type != q->y_type) {
            ss_lay lay = {scratch, 0};
            ss_take(&lay, ss_gemm_work(q));
            same = scratch + lay.used;
            ss_convert(g, scratch + lay.used, q->y_type, b, q->b_type, q->n);
        }
        st = multiply(c, g, l, q, x, w, same, add, y, scratch, &done);
        if (done) left->bias = left->residual = false;
    }
    if (st || done) return st;
    st = multiply(c, g, l, q, x, w, NULL, add, y, scratch, &done);
    if (done && add) left->residual = false;
    if (!st && !done) ss_gemm_plain(g, q, x, w, y);
    return st;
}

#else

void ss_gemm_close(ss_libs *l)
{
    (void)l;
}
static ss_status product(ss_call *c, ss_gpu *g, const ss_gemm *q, const void *x, const void *w,
                         const void *b, const void *r, void *y, char *scratch, ss_gemm *left)
{
    (void)q, (void)x, (void)w, (void)b, (void)r, (void)y, (void)scratch, (void)left;
    return ss_libs_with_lt(c, g) ? SS_OK : SS_E_DEVICE;
}

#endif

ss_status ss_gemm_run(ss_call *c, ss_gpu *g, const ss_gemm *q, const void *x, const void *w,
                      const void *b, const void *r, void *y, void *scratch)
{
    const int64_t count = q->batch * q->m * q->n;
    ss_gemm left = *q;
    ss_status st = SS_OK;
    if (count == 0) return SS_OK;
    if (q->batch > INT32_MAX)
        return ss_fail(c, SS_E_SHAPE, "expected at most %d matrices in a batch, got %lld",
                       INT32_MAX, (long long)q->batch);
    if (q->k > 0)
        st = product(c, g, q, x, w, b, r, y, scratch, &left);
    else if (!q->accumulate &&
             cudaMemsetAsync(y, 0, (size_t)count * ss_dtype_bytes(q->y_type), g->stream))
        st = ss_fail(c, SS_E_CUDA, "%s", cudaGetErrorString(cudaGetLastError()));
    if (!st && (left.bias || left.residual || left.act != SS_ACT_NONE))
        ss_gemm_finish(g, &left, left.bias ? b : NULL, left.residual ? r : NULL, y);
    if (st) return st;
    const cudaError_t e = cudaGetLastError();
    return e == cudaSuccess ? SS_OK : ss_fail(c, SS_E_CUDA, "%s", cudaGetErrorString(e));
}
