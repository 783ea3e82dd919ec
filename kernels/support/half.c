/* half.c — blocks of any element type to f32 and back. */
#include "../cpu.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* This file is compiled once, for the oldest processor. The loops over 16-bit floats exist again
 * for AVX2 and AVX-512, because most bf16 and f16 work passes through them. */
#define INLINE static inline
INLINE void from_bf16(float *dst, const uint16_t *src, int64_t n)
{
    for (int64_t i = 0; i < n; i++) dst[i] = ss_bf16_to_f32(src[i]);
}

INLINE void to_bf16(uint16_t *dst, const float *src, int64_t n)
{
    for (int64_t i = 0; i < n; i++) dst[i] = ss_f32_to_bf16(src[i]);
}

INLINE void from_f16(float *dst, const uint16_t *src, int64_t n)
{
    for (int64_t i = 0; i < n; i++) dst[i] = ss_f16_to_f32(src[i]);
}

INLINE void to_f16(uint16_t *dst, const float *src, int64_t n)
{
    for (int64_t i = 0; i < n; i++) dst[i] = ss_f32_to_f16(src[i]);
}

#if defined(__x86_64__)
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,prefer-vector-width=512")))
#define AVX2 __attribute__((target("avx2,f16c")))

AVX512 static void from_bf16_512(float *dst, const uint16_t *src, int64_t n)
{
    from_bf16(dst, src, n);
}

AVX512 static void to_bf16_512(uint16_t *dst, const float *src, int64_t n)
{
    to_bf16(dst, src, n);
}

AVX2 static void from_bf16_256(float *dst, const uint16_t *src, int64_t n)
{
    from_bf16(dst, src, n);
}

AVX2 static void to_bf16_256(uint16_t *dst, const float *src, int64_t n)
{
    to_bf16(dst, src, n);
}

AVX2 static void from_f16_256(float *dst, const uint16_t *src, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(
            dst + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(src + i))));
    from_f16(dst + i, src + i, n - i);
}

AVX2 static void to_f16_256(uint16_t *dst, const float *src, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(dst + i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT));
    to_f16(dst + i, src + i, n - i);
}

#define HAS_AVX512                                                                                 \
    (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&                    \
     __builtin_cpu_supports("avx512vl"))
#define HAS_AVX2 (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c"))
#else
#define HAS_AVX512 0
#define HAS_AVX2 0
#define from_bf16_512 from_bf16
#define from_bf16_256 from_bf16
#define to_bf16_512 to_bf16
#define to_bf16_256 to_bf16
#define from_f16_256 from_f16
#define to_f16_256 to_f16
#endif

void ss_load_f32(float *dst, const void *src, ss_dtype t, int64_t n)
{
    switch (t) {
    case SS_F32:
        memcpy(dst, src, (size_t)n * 4);
        break;
    case SS_F16:
        (HAS_AVX2 ? from_f16_256 : from_f16)(dst, src, n);
        break;
    case SS_BF16:
        (HAS_AVX512 ? from_bf16_512 : HAS_AVX2 ? from_bf16_256 : from_bf16)(dst, src, n);
        break;
    case SS_I64:
        for (int64_t i = 0; i < n; i++) dst[i] = (float)((const int64_t *)src)[i];
        break;
    case SS_I32:
        for (int64_t i = 0; i < n; i++) dst[i] = (float)((const int32_t *)src)[i];
        break;
    case SS_U8:
    case SS_BOOL:
        for (int64_t i = 0; i < n; i++) dst[i] = ((const uint8_t *)src)[i];
        break;
    case SS_DTYPE_COUNT:
        break;
    }
}

/* Nearest integer within [lo, hi]; NaN gives 0. */
static double clip_round(float x, double lo, double hi)
{
    if (x != x) return 0;
    double r = rint((double)x);
    return r < lo ? lo : r > hi ? hi : r;
}

void ss_store_f32(void *dst, ss_dtype t, const float *src, int64_t n)
{
    switch (t) {
    case SS_F32:
        memcpy(dst, src, (size_t)n * 4);
        break;
    case SS_F16:
        (HAS_AVX2 ? to_f16_256 : to_f16)(dst, src, n);
        break;
    case SS_BF16:
        (HAS_AVX512 ? to_bf16_512 : HAS_AVX2 ? to_bf16_256 : to_bf16)(dst, src, n);
        break;
    case SS_I64:
        for (int64_t i = 0; i < n; i++)
            ((int64_t *)dst)[i] = (int64_t)clip_round(src[i], -9.2e18, 9.2e18);
        break;
    case SS_I32:
        for (int64_t i = 0; i < n; i++)
            ((int32_t *)dst)[i] = (int32_t)clip_round(src[i], -2147483648.0, 2147483647.0);
        break;
    case SS_U8:
        for (int64_t i = 0; i < n; i++) ((uint8_t *)dst)[i] = (uint8_t)clip_round(src[i], 0, 255);
        break;
    case SS_BOOL:
        for (int64_t i = 0; i < n; i++) ((uint8_t *)dst)[i] = src[i] != 0;
        break;
    case SS_DTYPE_COUNT:
        break;
    }
}
