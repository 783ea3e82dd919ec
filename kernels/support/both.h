/* both.h — functions that run on the CPU and in CUDA kernels alike. */
#ifndef SEMISAM_BOTH_H
#define SEMISAM_BOTH_H
/* SS_BOTH — before the return type, in place of `static inline`. */
#if defined(__CUDACC__)
#define SS_BOTH static __host__ __device__ inline
#else
#define SS_BOTH static inline
#endif
#endif
