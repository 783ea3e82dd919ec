/* rowsum.h — sum of the rows of a matrix, the same on any number of threads. */
#ifndef SEMISAM_ROWSUM_H
#define SEMISAM_ROWSUM_H
#include "../cpu.h"

/* Rows that one task adds up: the partial sums are then added in order. */
static inline int64_t ss_rowsum_rows(int64_t rows, int64_t cols)
{
    int64_t least = ss_max64(1, 65536 / ss_max64(1, cols));
    return ss_max64(least, ss_ceil_div(rows, 64)); /* at most 64 partial sums */
}

static inline size_t ss_rowsum_bytes(int64_t rows, int64_t cols)
{
    int64_t parts = ss_ceil_div(rows, ss_rowsum_rows(rows, cols));
    return (size_t)(parts * 2 * cols) * sizeof(float);
}

/* ss_rowsum() — out[c] = sum over rows of m[rows, cols]; scratch of ss_rowsum_bytes. */
static inline void ss_rowsum(const void *m, ss_dtype t, int64_t rows, int64_t cols, float *out,
                             void *scratch)
{
    const int64_t step = ss_rowsum_rows(rows, cols), parts = ss_ceil_div(rows, step);
    const size_t size = ss_dtype_bytes(t);
    float *partial = scratch;
    if (cols == 0) return;
    SS_PARALLEL_FOR (p, parts, step * cols) {
        float *sum = partial + p * 2 * cols, *row = sum + cols;
        memset(sum, 0, (size_t)cols * sizeof *sum);
        for (int64_t r = p * step; r < ss_min64(rows, (p + 1) * step); r++) {
            const char *src = (const char *)m + (size_t)(r * cols) * size;
            const float *v = (const float *)(const void *)src;
            if (t != SS_F32) {
                ss_load_f32(row, src, t, cols);
                v = row;
            }
            for (int64_t c = 0; c < cols; c++) sum[c] += v[c];
        }
    }
    for (int64_t c = 0; c < cols; c++) {
        double sum = 0;
        for (int64_t p = 0; p < parts; p++) sum += (double)partial[p * 2 * cols + c];
        out[c] = (float)sum;
    }
}
#endif
