/* tile.h — small matrix products inside other kernels: C[m, n] = or += A[m, k] B[k, n] in f32.
 *
 * A tile of SS_TM rows and two vectors of columns stays in registers while k runs; each step is one
 * broadcast per row and two loads. Compilers do not find this form in plain loops (with gcc 12 the
 * sums go through memory at a fifth of the speed), hence the vector type. A result depends on k
 * alone, not on the tile it fell into. */
#ifndef SEMISAM_TILE_H
#define SEMISAM_TILE_H
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#if defined(__AVX512F__) || defined(__FMA__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
typedef __m512 ss_vec;
enum { SS_VL = 16, SS_TM = 8 };
#define SS_FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define SS_VSET(x) _mm512_set1_ps(x)
#elif defined(__AVX2__) && defined(__FMA__)
typedef __m256 ss_vec;
enum { SS_VL = 8, SS_TM = 6 };
#define SS_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define SS_VSET(x) _mm256_set1_ps(x)
#else
typedef float ss_vec __attribute__((vector_size(16)));
enum { SS_VL = 4, SS_TM = 4 };
#define SS_FMA(a, b, c) ((a) * (b) + (c))
#define SS_VSET(x) ((ss_vec){x, x, x, x})
#endif
enum { SS_TN = 2 * SS_VL };

static inline ss_vec ss_vload(const float *p)
{
    ss_vec v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void ss_vstore(float *p, ss_vec v)
{
    memcpy(p, &v, sizeof v);
}

static inline int64_t ss_round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* One tile; A element (r, i) at a[r * rs + i * cs]. */
static inline void ss_tile(int64_t k, const float *a, int64_t rs, int64_t cs, const float *b,
                           int64_t ldb, float *c, int64_t ldc, bool add)
{
    ss_vec s0[SS_TM], s1[SS_TM];
#pragma GCC unroll 8
    for (int r = 0; r < SS_TM; r++) {
        s0[r] = add ? ss_vload(c + r * ldc) : SS_VSET(0.0f);
        s1[r] = add ? ss_vload(c + r * ldc + SS_VL) : SS_VSET(0.0f);
    }
    for (int64_t i = 0; i < k; i++) {
        const ss_vec b0 = ss_vload(b + i * ldb), b1 = ss_vload(b + i * ldb + SS_VL);
#pragma GCC unroll 8
        for (int r = 0; r < SS_TM; r++) {
            const ss_vec f = SS_VSET(a[r * rs + i * cs]);
            s0[r] = SS_FMA(f, b0, s0[r]);
            s1[r] = SS_FMA(f, b1, s1[r]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < SS_TM; r++) {
        ss_vstore(c + r * ldc, s0[r]);
        ss_vstore(c + r * ldc + SS_VL, s1[r]);
    }
}

/* The same over one vector of columns. */
static inline void ss_half_tile(int64_t k, const float *a, int64_t rs, int64_t cs, const float *b,
                                int64_t ldb, float *c, int64_t ldc, bool add)
{
    ss_vec s[SS_TM];
#pragma GCC unroll 8
    for (int r = 0; r < SS_TM; r++) s[r] = add ? ss_vload(c + r * ldc) : SS_VSET(0.0f);
    for (int64_t i = 0; i < k; i++) {
        const ss_vec v = ss_vload(b + i * ldb);
#pragma GCC unroll 8
        for (int r = 0; r < SS_TM; r++) s[r] = SS_FMA(SS_VSET(a[r * rs + i * cs]), v, s[r]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < SS_TM; r++) ss_vstore(c + r * ldc, s[r]);
}

/* C = A B, or with `add` C += A B. m is rounded up to SS_TM and n to SS_VL: A must be readable and
 * C writable that far. `panel` is the distance between blocks of SS_TN columns of B: SS_TN for a
 * row-major B, k * SS_TN (with ldb = SS_TN) for one packed in panels. */
static inline void ss_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t rs, int64_t cs,
                           const float *b, int64_t ldb, int64_t panel, float *c, int64_t ldc,
                           bool add)
{
    for (int64_t j = 0; j < n; j += SS_TN) {
        const float *p = b + j / SS_TN * panel;
        for (int64_t i = 0; i < m && n - j > SS_VL; i += SS_TM)
            ss_tile(k, a + i * rs, rs, cs, p, ldb, c + i * ldc + j, ldc, add);
        for (int64_t i = 0; i < m && n - j <= SS_VL; i += SS_TM)
            ss_half_tile(k, a + i * rs, rs, cs, p, ldb, c + i * ldc + j, ldc, add);
    }
}

/* Place of element (i, j) in a B packed in panels of depth k. */
static inline int64_t ss_panel_index(int64_t k, int64_t i, int64_t j)
{
    return j / SS_TN * k * SS_TN + i * SS_TN + j % SS_TN;
}
#endif
