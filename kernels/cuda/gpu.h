/* gpu.h — an opened CUDA device: what twins and the module's host code share. */
#ifndef SEMISAM_CUDA_GPU_H
#define SEMISAM_CUDA_GPU_H
#include "api.h"
#include "backend.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SS_STAGES = 2 };
#define SS_STAGE_BYTES ((size_t)4 << 20)

/* Page-locked memory on the way to or from the device; `idle` is passed when it may be reused. */
typedef struct ss_stage {
    void *host;
    cudaEvent_t idle;
} ss_stage;

struct ss_gpu {
    int index, capability, multiprocessors;
    size_t shared_bytes;       /* of a block, with the opt-in */
    cudaStream_t stream;       /* every kernel and library call */
    cudaStream_t upload;       /* copies from the host, beside the kernels */
    cudaEvent_t before, after; /* order the two streams around a copy */
    ss_stage stage[SS_STAGES];
    int next_stage;
    struct ss_faults *faults; /* what kernels found wrong with their inputs (fault.h) */
    void *libs;               /* handles of the libraries, made when first wanted (libs.h) */
    char name[96];
    char msg[400];
};

/* ss_gpu_fail() — keeps the sentence for ss_backend.error; returns E_CUDA. */
__attribute__((format(printf, 2, 3))) ss_status ss_gpu_fail(ss_gpu *g, const char *fmt, ...);
/* ss_gpu_check() — OK, or E_CUDA with what was tried and CUDA's own words. */
ss_status ss_gpu_check(ss_gpu *g, cudaError_t e, const char *what);

#ifdef __cplusplus
}
#endif
#endif
