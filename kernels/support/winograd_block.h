/* winograd_block.h — the matrix product of winograd.c: up to 12 rows of 16 or 32 columns stay in
 * registers over all terms. */
#ifndef SEMISAM_WINOGRAD_BLOCK_H
#define SEMISAM_WINOGRAD_BLOCK_H
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

enum { SS_W_LANES = 16, SS_W_ROWS = 12, SS_W_WIDE = 32 };

/* c[i][j] = or += sum over n < times and k of a[n an + i ai + k ak] b[n bn + k bk + j]. */
typedef struct {
    const float *a, *b;
    float *c;
    int64_t an, ai, ak, bn, bk, ci, k, times;
    bool add;
} ss_w_product;

static inline __attribute__((always_inline)) void ss_w_block(const ss_w_product *p, int64_t row,
                                                             int rows, int vecs)
{
    __m512 sum[SS_W_ROWS][2];
    float *c = p->c + row * p->ci;
    const int64_t ai = p->ai, ak = p->ak, bk = p->bk;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vecs; j++)
            sum[i][j] =
                p->add ? _mm512_loadu_ps(c + i * p->ci + j * SS_W_LANES) : _mm512_setzero_ps();
    for (int64_t n = 0; n < p->times; n++) {
        const float *a[4], *b = p->b + n * p->bn;
        for (int g = 0; g < 4; g++) a[g] = p->a + n * p->an + (row + 3 * g) * ai;
        for (int64_t k = 0; k < p->k; k++) {
            __m512 y[2];
            for (int j = 0; j < vecs; j++) y[j] = _mm512_loadu_ps(b + j * SS_W_LANES);
            for (int i = 0; i < rows; i++) {
                const __m512 x = _mm512_set1_ps(a[i / 3][(i % 3) * ai]);
                for (int j = 0; j < vecs; j++) sum[i][j] = _mm512_fmadd_ps(x, y[j], sum[i][j]);
            }
            for (int g = 0; g < (rows + 2) / 3; g++) a[g] += ak;
            b += bk;
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vecs; j++) _mm512_storeu_ps(c + i * p->ci + j * SS_W_LANES, sum[i][j]);
}

static inline __attribute__((always_inline)) void ss_w_rows(const ss_w_product *p, int64_t rows,
                                                            int vecs)
{
    int64_t i = 0;
    for (; i + 12 <= rows; i += 12) ss_w_block(p, i, 12, vecs);
    if (i + 8 <= rows) {
        ss_w_block(p, i, 8, vecs);
        i += 8;
    }
    if (i + 4 <= rows) {
        ss_w_block(p, i, 4, vecs);
        i += 4;
    }
    if (i < rows && rows >= 4 && !p->add) { /* some again: cheaper than one by one */
        ss_w_block(p, rows - 4, 4, vecs);
        return;
    }
    for (; i < rows; i++) ss_w_block(p, i, 1, vecs);
}

/* All rows of one panel of `wide` (16 or 32) columns. */
static inline void ss_w_panel(const ss_w_product *p, int64_t rows, int64_t wide)
{
    if (wide == SS_W_WIDE)
        ss_w_rows(p, rows, 2);
    else
        ss_w_rows(p, rows, 1);
}
#endif
