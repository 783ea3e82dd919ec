/* gemm.h — one batched matrix product on the device, by cuBLASLt or our own kernel. What it
 * computes is said in support/cuda_gemm.h. */
#ifndef SEMISAM_CUDA_GEMM_H
#define SEMISAM_CUDA_GEMM_H
#include "backend.h"
#include "support/cuda_gemm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ss_gemm_run() — queues it. b is NULL without bias, r without residual; scratch has
 * ss_gemm_bytes(q). r may be y. */
ss_status ss_gemm_run(ss_call *c, ss_gpu *g, const ss_gemm *q, const void *x, const void *w,
                      const void *b, const void *r, void *y, void *scratch);

/* ---- gemm_kernels.cu: launched from C ------------------------------------------------- */

/* The product without bias, act and residual, for what cuBLASLt has no code for (bf16 before
 * sm_80). */
void ss_gemm_plain(ss_gpu *g, const ss_gemm *q, const void *x, const void *w, void *y);
/* y = act(y + bias) + residual, in place; only what q asks for. */
void ss_gemm_finish(ss_gpu *g, const ss_gemm *q, const void *b, const void *r, void *y);
/* n elements of another float type. */
void ss_convert(ss_gpu *g, void *to, ss_dtype to_type, const void *from, ss_dtype type, int64_t n);

#ifdef __cplusplus
}
#endif
#endif
