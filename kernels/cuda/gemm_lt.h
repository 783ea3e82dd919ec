/* gemm_lt.h — one matrix product as descriptors of cuBLASLt, and the algorithm it offers. */
#ifndef SEMISAM_GEMM_LT_H
#define SEMISAM_GEMM_LT_H
#include "libs_api.h"
#include "support/cuda_gemm.h"

#if SS_HAS_CUBLASLT
/* What decides about descriptors and algorithm. Zeroed before it is filled, compared as bytes. */
typedef struct ss_lt_key {
    int64_t batch, m, n, k, x_step, w_step;
    int32_t x_transposed, w_transposed, type, y_type, bias, pad_;
    uint32_t align[4]; /* of w, x, c, y */
} ss_lt_key;

typedef struct ss_lt_plan {
    struct ss_lt_plan *next;
    ss_lt_key key;
    cublasLtMatmulDesc_t op;
    cublasLtMatrixLayout_t a, b, d;
    cublasLtMatmulAlgo_t algo;
    size_t work;
    bool found; /* the library has code for it */
} ss_lt_plan;

/* operand: w, x, c and y, for their alignment. */
void ss_lt_key_of(ss_lt_key *k, const ss_gemm *q, bool bias, const void *const operand[4]);
/* ss_lt_describe() — the descriptors of p->key, in a zeroed p. */
cublasStatus_t ss_lt_describe(const ss_lt_functions *f, ss_lt_plan *p);
/* ss_lt_prefer() — sets what an algorithm may count on. */
cublasStatus_t ss_lt_prefer(const ss_lt_functions *f, cublasLtMatmulPreference_t pref,
                            const ss_lt_plan *p, size_t work);
/* ss_lt_choose() — asks for an algorithm; none at all is no failure. */
cublasStatus_t ss_lt_choose(const ss_lt_functions *f, cublasLtHandle_t h, ss_lt_plan *p,
                            size_t work);
void ss_lt_drop(const ss_lt_functions *f, ss_lt_plan *p); /* its descriptors and itself */
#endif
#endif
