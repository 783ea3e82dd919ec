/* gemm.c — matrix products through cuBLASLt: descriptors and the chosen algorithm are kept by
 * shape. */
#include "gemm.h"
#include "gemm_lt.h"
#include "libs.h"
#include <stdlib.h>
#include <string.h>

#if SS_HAS_CUBLASLT

enum { SLOTS = 1024 };

struct ss_gemm_cache {
    ss_lt_plan *slot[SLOTS];
};

/* ---- the cache -------------------------------------------------------------------------- */

void ss_gemm_close(ss_libs *l)
{
    for (int i = 0; l->gemm && i < SLOTS; i++)
        while (l->gemm->slot[i]) {
            ss_lt_plan *p = l->gemm->slot[i];
            l->gemm->slot[i] = p->next;
            ss_lt_drop(l->lt, p);
        }
    free(l->gemm);
    l->gemm = NULL;
}

static size_t slot_of(const ss_lt_key *k)
{
    const unsigned char *p = (const unsigned char *)k;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < sizeof *k; i++) h = (h ^ p[i]) * 0x100000001b3u;
    return (size_t)(h >> 20) % SLOTS;
}

static ss_lt_plan *find(ss_call *c, ss_libs *l, const ss_lt_key *k, size_t work)
{
    if (!l->gemm && !(l->gemm = calloc(1, sizeof *l->gemm))) goto memory;
    ss_lt_plan **at = &l->gemm->slot[slot_of(k)];
    for (ss_lt_plan *p = *at; p; p = p->next)
        if (memcmp(&p->key, k, sizeof *k) == 0) return p;
    ss_lt_plan *p = calloc(1, sizeof *p);
    if (!p) goto memory;
    p->key = *k;
    cublasStatus_t st = ss_lt_describe(l->lt, p);
    if (!st) st = ss_lt_choose(l->lt, l->lt_handle, p, work);
    if (st) {
        ss_lt_drop(l->lt, p);
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

/* y = x w [+ bias] + beta c. *done is false where the library has no code for it. */
static ss_status multiply(ss_call *c, ss_gpu *g, ss_libs *l, const ss_gemm *q, const void *x,
                          const void *w, const void *b, const void *add, void *y, void *work,
                          bool *done)
{
    const float one = 1, beta = add ? 1.0f : 0.0f;
    const void *const from = add ? add : y;
    ss_lt_key k;
    ss_lt_key_of(&k, q, b != NULL, (const void *[]){w, x, from, y});
    ss_lt_plan *p = find(c, l, &k, ss_gemm_work(q));
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
        if (q->b_type != q->y_type && q->b_kept) {
            same = q->b_kept;
        } else if (q->b_type != q->y_type) {
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
