/* gelu_rows.h — GELU of f32 numbers on their way to memory. f32 results are those of ss_geluf();
 * bf16 results are those of gelu_fast.h where the processor has its instructions. */
#ifndef SEMISAM_GELU_ROWS_H
#define SEMISAM_GELU_ROWS_H
#include "../cpu.h"
#include "vecmath.h"

#if defined(__AVX512F__)
#include "gelu_fast.h"

enum { SS_GELU_LANES = 16 };
#define SS_GELU_BF16 __attribute__((target("avx512bf16")))

static inline bool ss_gelu_bf16(void)
{
    return __builtin_cpu_supports("avx512bf16");
}

SS_GELU_BF16 static inline void ss_gelu_f32_bf16(uint16_t *y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i += SS_GELU_LANES) {
        const __mmask16 m = (__mmask16)(n - i >= SS_GELU_LANES ? 0xffff : (1u << (n - i)) - 1);
        const __m512 v = ss_gelu_fast(_mm512_maskz_loadu_ps(m, x + i));
        _mm256_mask_storeu_epi16(y + i, m, (__m256i)_mm512_cvtneps_pbh(v));
    }
}

SS_GELU_BF16 static inline void ss_gelu_bf16_bf16(uint16_t *y, const uint16_t *x, int64_t n)
{
    for (int64_t i = 0; i < n; i += SS_GELU_LANES) {
        const __mmask16 m = (__mmask16)(n - i >= SS_GELU_LANES ? 0xffff : (1u << (n - i)) - 1);
        const __m512i v = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, x + i));
        const __m512 z = ss_gelu_fast(_mm512_castsi512_ps(_mm512_slli_epi32(v, 16)));
        _mm256_mask_storeu_epi16(y + i, m, (__m256i)_mm512_cvtneps_pbh(z));
    }
}
#else
static inline bool ss_gelu_bf16(void)
{
    return false;
}
static inline void ss_gelu_f32_bf16(uint16_t *y, const float *x, int64_t n)
{
    (void)y, (void)x, (void)n;
}
static inline void ss_gelu_bf16_bf16(uint16_t *y, const uint16_t *x, int64_t n)
{
    (void)y, (void)x, (void)n;
}
#endif

/* y = gelu(x), y of type t; for f32 it may be x itself. */
static inline void ss_gelu_store(void *y, ss_dtype t, const float *x, int64_t n)
{
    enum { PART = 1024 };
    float part[PART];
    if (t == SS_BF16 && ss_gelu_bf16()) {
        ss_gelu_f32_bf16(y, x, n);
        return;
    }
    for (int64_t at = 0; at < n; at += PART) {
        const int64_t m = ss_min64(PART, n - at);
        float *to = t == SS_F32 ? (float *)y + at : part;
        SS_PRAGMA(GCC ivdep)
        for (int64_t i = 0; i < m; i++) to[i] = ss_geluf(x[at + i]);
        if (t != SS_F32) ss_store_f32((char *)y + (size_t)at * ss_dtype_bytes(t), t, part, m);
    }
}

/* x = gelu(x) for all of a contiguous view. */
static inline void ss_gelu_all(void *y, const void *x, ss_dtype t, int64_t n)
{
    enum { BLOCK = 4096 };
    const size_t size = ss_dtype_bytes(t);
    SS_PARALLEL_FOR (b, ss_ceil_div(n, BLOCK), BLOCK) {
        const size_t at = (size_t)b * BLOCK * size;
        const int64_t m = ss_min64(BLOCK, n - b * BLOCK);
        const char *from = (const char *)x + at;
        char *to = (char *)y + at;
        float wide[BLOCK];
        if (t == SS_BF16 && ss_gelu_bf16()) {
            ss_gelu_bf16_bf16((uint16_t *)(void *)to, (const uint16_t *)(const void *)from, m);
        } else if (t == SS_F32) {
            ss_gelu_store(to, t, (const float *)(const void *)from, m);
        } else {
            ss_load_f32(wide, from, t, m);
            ss_gelu_store(to, t, wide, m);
        }
    }
}
#endif
