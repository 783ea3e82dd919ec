/* both.h — for code that the CPU and the CUDA device run alike, bit for bit.
 *
 * Compilers for a GPU may turn a * b + c into one instruction that rounds once; the CPU code rounds
 * twice. Where the last bit matters, a product that is added to something is ss_prod(a, b). */
#ifndef SEMISAM_BOTH_H
#define SEMISAM_BOTH_H
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__CUDACC__)
#define SS_BOTH static __host__ __device__ __forceinline__
#else
#define SS_BOTH static inline
#endif

/* a b, rounded. */
SS_BOTH double ss_prod(double a, double b)
{
#if defined(__CUDA_ARCH__)
    return __dmul_rn(a, b);
#else
    return a * b;
#endif
}
SS_BOTH float ss_prodf(float a, float b)
{
#if defined(__CUDA_ARCH__)
    return __fmul_rn(a, b);
#else
    return a * b;
#endif
}

SS_BOTH uint64_t ss_bits_of(double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}
SS_BOTH double ss_from_bits(uint64_t u)
{
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}
#endif
