/* amx.h — bf16 matrix products on the tile unit of recent x86 processors, for kernels that keep
 * their operands in cache-sized blocks. oneDNN reaches the same unit, but only for whole matrices
 * in memory. */
#ifndef SEMISAM_AMX_H
#define SEMISAM_AMX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SS_AMX_BLOCK = 32, /* k is a multiple of it */
    SS_AMX_PANEL = 16  /* m and n are multiples of it: so many columns of B lie together */
};

/* Whether this processor and system let us; asked once. It then has AVX512-BF16 too. */
bool ss_amx(void);

/* A thread calls ss_amx_begin() before its products and ss_amx_end() after the last. */
void ss_amx_begin(void);
void ss_amx_end(void);

/* C[m, n] (f32) = A B, or with `add` C += A B. A is bf16, row-major with rows of lda. B is bf16 in
 * panels of SS_AMX_PANEL columns, `panel` elements apart; element (i, j) of a panel is at
 * ss_amx_index(i, j). */
void ss_amx_gemm(int64_t m, int64_t n, int64_t k, const uint16_t *a, int64_t lda, const uint16_t *b,
                 int64_t panel, float *c, int64_t ldc, bool add);

/* Pairs of rows are interleaved, as the unit wants them. */
static inline int64_t ss_amx_index(int64_t i, int64_t j)
{
    return i / 2 * 2 * SS_AMX_PANEL + j * 2 + i % 2;
}
#endif
