/* attend_vec.h — vectors of 16 floats for attention on the tile unit (attend_bf16.h). */
#ifndef SEMISAM_ATTEND_VEC_H
#define SEMISAM_ATTEND_VEC_H
#include "../cpu.h"
#include "vecmath.h"

#if defined(__AVX512F__)
#include <immintrin.h>

#define SS_AB_CODE __attribute__((target("avx512bf16"))) /* ss_amx() says whether it runs */
enum { SS_AB_LANES = 16 };

/* 16 rows of 16 words become 16 columns. */
static inline void ss_ab_turn(__m512i r[SS_AB_LANES], __m512i to[SS_AB_LANES])
{
    __m512i t[SS_AB_LANES];
    for (int i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int c = 0; c < 4; c++) {
        const __m512i x0 = _mm512_shuffle_i32x4(r[c], r[4 + c], 0x88);
        const __m512i x1 = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0x88);
        const __m512i y0 = _mm512_shuffle_i32x4(r[c], r[4 + c], 0xdd);
        const __m512i y1 = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0xdd);
        to[c] = _mm512_shuffle_i32x4(x0, x1, 0x88);
        to[4 + c] = _mm512_shuffle_i32x4(y0, y1, 0x88);
        to[8 + c] = _mm512_shuffle_i32x4(x0, x1, 0xdd);
        to[12 + c] = _mm512_shuffle_i32x4(y0, y1, 0xdd);
    }
}

/* The first n of 16 or 32 lanes. */
static inline __mmask32 ss_ab_first(int64_t n)
{
    return n >= 32 ? 0xffffffffu : n <= 0 ? 0 : (1u << n) - 1;
}

/* e^x for x <= 0, to about 2 units in the last place; NaN stays. Below -87 the result is 0: each
 * subnormal number would cost the processor a hundred cycles. */
static inline __m512 ss_ab_exp(__m512 x)
{
    const __mmask16 some = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-87.0f), _CMP_NLT_UQ);
    const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps((float)SS_LOG2E)), 8);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps((float)SS_LN2_HI), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps((float)SS_LN2_LO), r);
    __m512 q = _mm512_set1_ps(1.392617612e-3f); /* as ss_expm1_core() */
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(8.363173075e-3f));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(4.166655466e-2f));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(1.666657703e-1f));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(5.0e-1f));
    q = _mm512_fmadd_ps(_mm512_mul_ps(r, r), q, r);
    return _mm512_maskz_scalef_ps(some, _mm512_add_ps(q, _mm512_set1_ps(1.0f)), n);
}

/* 2^x for x <= 0 to about 2 units in the last place, otherwise as ss_ab_exp(): what is above the
 * floor by a polynomial, minimax for 0 to 1; scalef takes the floor itself. */
static inline __m512 ss_ab_exp2(__m512 x)
{
    const __mmask16 some = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-126.0f), _CMP_NLT_UQ);
    const __m512 r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    __m512 q = _mm512_set1_ps(1.8775767e-3f);
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(8.98934002e-3f));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(5.58263181e-2f));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(2.40153617e-1f));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(6.93153073e-1f));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(9.99999925e-1f));
    return _mm512_maskz_scalef_ps(some, q, x);
}

static inline __m512 ss_ab_wide(__m256i half)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

static inline __m512 ss_ab_load(const uint16_t *from)
{
    return ss_ab_wide(_mm256_loadu_si256((const __m256i *)(const void *)from));
}

/* Lanes in reverse. */
static inline __m512 ss_ab_back(__m512 x)
{
    return _mm512_permutexvar_ps(
        _mm512_set_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), x);
}

SS_AB_CODE static inline __m256i ss_ab_half(__m512 x)
{
    return (__m256i)_mm512_cvtneps_pbh(x);
}

/* Largest of the logits s[n], lane by lane, after s = s scale + add where `add` is not NULL, else
 * of s scale; NaN is passed over, the sums keep it. s is readable up to whole vectors. */
static inline __m512 ss_ab_max(float *s, const float *add, int64_t n, float scale)
{
    const __m512 f = _mm512_set1_ps(scale);
    __m512 max = _mm512_set1_ps(-INFINITY);
    for (int64_t i = 0; i < n; i += SS_AB_LANES) {
        const __mmask16 some = (__mmask16)ss_ab_first(n - i);
        __m512 x = _mm512_loadu_ps(s + i);
        if (add) {
            x = _mm512_fmadd_ps(x, f, _mm512_maskz_loadu_ps(some, add + i));
            _mm512_storeu_ps(s + i, x);
        } else {
            x = _mm512_mul_ps(x, f);
        }
        max = _mm512_mask_max_ps(max, some, x, max);
    }
    return max;
}

/* Lane i of the result: the largest, or the sum, of the lanes of row i. */
static inline __m512 ss_ab_max_of(const __m512 row[SS_AB_LANES])
{
    __m512i from[SS_AB_LANES], to[SS_AB_LANES];
    for (int i = 0; i < SS_AB_LANES; i++) from[i] = _mm512_castps_si512(row[i]);
    ss_ab_turn(from, to);
    __m512 max = _mm512_castsi512_ps(to[0]);
    for (int i = 1; i < SS_AB_LANES; i++) max = _mm512_max_ps(_mm512_castsi512_ps(to[i]), max);
    return max;
}
static inline __m512 ss_ab_sum_of(const __m512 row[SS_AB_LANES])
{
    __m512i from[SS_AB_LANES], to[SS_AB_LANES];
    for (int i = 0; i < SS_AB_LANES; i++) from[i] = _mm512_castps_si512(row[i]);
    ss_ab_turn(from, to);
    __m512 sum = _mm512_castsi512_ps(to[0]);
    for (int i = 1; i < SS_AB_LANES; i++) sum = _mm512_add_ps(sum, _mm512_castsi512_ps(to[i]));
    return sum;
}

static inline __m512 ss_ab_log(__m512 x)
{
    float each[SS_AB_LANES];
    _mm512_storeu_ps(each, x);
    for (int i = 0; i < SS_AB_LANES; i++) each[i] = ss_logf(each[i]);
    return _mm512_loadu_ps(each);
}

/* p = exp(s scale - top) in bf16, 0 from n up to np; returns the sum, lane by lane. */
SS_AB_CODE static inline __m512 ss_ab_softmax(const float *restrict s, int64_t n, int64_t np,
                                              float scale, float top, uint16_t *restrict p)
{
    const __m512 f = _mm512_set1_ps(scale * (float)SS_LOG2E),
                 t = _mm512_set1_ps(top * (float)SS_LOG2E);
    __m512 sum = _mm512_setzero_ps(), x[2];
    for (int64_t i = 0; i < np; i += 2 * SS_AB_LANES) {
        const __mmask32 some = ss_ab_first(n - i);
        for (int k = 0; k < 2; k++) {
            const __m512 y = _mm512_loadu_ps(s + i + k * SS_AB_LANES);
            x[k] = _mm512_maskz_mov_ps((__mmask16)(some >> k * SS_AB_LANES),
                                       ss_ab_exp2(_mm512_fmsub_ps(y, f, t)));
        }
        sum = _mm512_add_ps(sum, _mm512_add_ps(x[0], x[1]));
        _mm512_storeu_si512(p + i, (__m512i)_mm512_cvtne2ps_pbh(x[1], x[0]));
    }
    return sum;
}
#endif
#endif
