/* mma.h — matrix products of a warp on tensor cores: f16 or bf16 factors, sums in f32.
 *
 * Registers hold what the instructions of NVIDIA's PTX say (mma.m16n8k16, ldmatrix). With lane =
 * 4 g + p, a 16 x 16 factor is rows g and g + 8 at columns 2 p, 2 p + 1, then the same rows at
 * columns 8 further; a 16 x 8 one is column g at rows 2 p, 2 p + 1, then rows 8 further; the 16 x 8
 * result is row g, then g + 8, at columns 2 p, 2 p + 1.
 *
 * f16 from sm_75, bf16 from sm_80: see ss_mma_has(). Code for older cards compiles and does
 * nothing. */
#ifndef SEMISAM_CUDA_MMA_H
#define SEMISAM_CUDA_MMA_H
#include "run.h"

static inline bool ss_mma_has(const ss_gpu *g, ss_dtype t)
{
    return (t == SS_F16 && g->capability >= 75) || (t == SS_BF16 && g->capability >= 80);
}

/* Two elements rounded and packed, the first in the low half. */
template <class T> SS_DEVICE uint32_t ss_pack2(float low, float high)
{
    T a, b;
    ss_put(&a, low);
    ss_put(&b, high);
    return (uint32_t)b.bits << 16 | a.bits;
}

#ifdef SS_EMULATE

/* Four 8 x 8 matrices in shared memory: lane i names row i % 8 of matrix i / 8 (16 bytes), and
 * gets of every matrix row g at columns 2 p, 2 p + 1. */
SS_DEVICE void ss_ldmatrix(uint32_t r[4], const void *row)
{
    const uint64_t *all = emu::exchange(SS_ALL, (uint64_t)(uintptr_t)row, "ldmatrix");
    const int lane = emu::lane();
    for (int m = 0; m < 4; m++)
        r[m] = ((const uint32_t *)(uintptr_t)all[8 * m + lane / 4])[lane % 4];
}
/* The same of the matrices turned: column g at rows 2 p, 2 p + 1. */
SS_DEVICE void ss_ldmatrix_turned(uint32_t r[4], const void *row)
{
    const uint64_t *all = emu::exchange(SS_ALL, (uint64_t)(uintptr_t)row, "ldmatrix");
    const int lane = emu::lane();
    for (int m = 0; m < 4; m++) {
        const uint64_t *at = all + 8 * m + 2 * (lane % 4);
        r[m] = (uint32_t)((const uint16_t *)(uintptr_t)at[1])[lane / 4] << 16 |
               ((const uint16_t *)(uintptr_t)at[0])[lane / 4];
    }
}

template <class T> SS_DEVICE void ss_mma_row(float *to, const uint64_t *all, int first, int pairs)
{
    for (int p = 0; p < pairs; p++) {
        const uint64_t w = all[first + p];
        for (int i = 0; i < 4; i++) {
            T x;
            x.bits = (uint16_t)(w >> 16 * i);
            to[2 * p + i % 2 + i / 2 * 8] = ss_f32(x);
        }
    }
}
/* c += a b. */
template <class T> SS_DEVICE void ss_mma(float c[4], const uint32_t a[4], const uint32_t b[2])
{
    const int lane = emu::lane(), g = lane / 4, p = lane % 4;
    float row[2][16], column[2][16];
    for (int i = 0; i < 2; i++) { /* rows g, then g + 8 */
        const uint64_t *all =
            emu::exchange(SS_ALL, (uint64_t)a[i + 2] << 32 | a[i], "mma, left factor");
        ss_mma_row<T>(row[i], all, 4 * g, 4);
    }
    const uint64_t *all = emu::exchange(SS_ALL, (uint64_t)b[1] << 32 | b[0], "mma, right factor");
    for (int j = 0; j < 2; j++) ss_mma_row<T>(column[j], all, 4 * (2 * p + j), 4);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++)
            for (int k = 0; k < 16; k++) c[2 * i + j] += row[i][k] * column[j][k];
}
SS_DEVICE float ss_exp_fast(float x)
{
    return expf(x);
}

#else

#if __CUDA_ARCH__ >= 750
#define SS_LDMATRIX_(r, row, how)                                                                  \
    asm volatile("ldmatrix.sync.aligned.m8n8.x4" how ".shared.b16 {%0, %1, %2, %3}, [%4];"         \
                 : "=r"((r)[0]), "=r"((r)[1]), "=r"((r)[2]), "=r"((r)[3])                          \
                 : "r"((unsigned)__cvta_generic_to_shared(row))                                    \
                 : "memory")
#else
#define SS_LDMATRIX_(r, row, how) ((r)[0] = (r)[1] = (r)[2] = (r)[3] = 0, (void)(row))
#endif
SS_DEVICE void ss_ldmatrix(uint32_t r[4], const void *row)
{
    SS_LDMATRIX_(r, row, "");
}
SS_DEVICE void ss_ldmatrix_turned(uint32_t r[4], const void *row)
{
    SS_LDMATRIX_(r, row, ".trans");
}

template <class T> SS_DEVICE void ss_mma(float c[4], const uint32_t a[4], const uint32_t b[2]);
template <>
__device__ __forceinline__ void ss_mma<ss_bf16>(float c[4], const uint32_t a[4],
                                                const uint32_t b[2])
{
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    (void)c, (void)a, (void)b;
#endif
}
template <>
__device__ __forceinline__ void ss_mma<ss_f16>(float c[4], const uint32_t a[4], const uint32_t b[2])
{
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#elif __CUDA_ARCH__ >= 750 /* Turing takes eight of the inner dimension at a time */
    for (int h = 0; h < 2; h++)
        asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
            "{%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
            : "r"(a[2 * h]), "r"(a[2 * h + 1]), "r"(b[h]));
#else
    (void)c, (void)a, (void)b;
#endif
}
/* exp to some 22 bits, for what is rounded to 16 bits afterwards. */
SS_DEVICE float ss_exp_fast(float x)
{
    return __expf(x);
}
#endif

/* ---- tiles in shared memory ------------------------------------------------------------------ */

/* Rows of a tile with EP columns lie this far apart: eight of them meet all banks. */
#define SS_MMA_PITCH(EP) ((EP) + 8)

/* 16 x 16 of a left factor whose rows are the tile's. */
template <int EP, class T>
SS_DEVICE void ss_mma_left(uint32_t a[4], const T *tile, int row, int col)
{
    const int lane = threadIdx.x % SS_WARP;
    ss_ldmatrix(a, tile + (row + lane % 16) * SS_MMA_PITCH(EP) + col + lane / 16 * 8);
}
/* 16 x 16 of a right factor, two of ss_mma()'s: its columns are the tile's rows. */
template <int EP, class T>
SS_DEVICE void ss_mma_right(uint32_t b[4], const T *tile, int row, int col)
{
    const int lane = threadIdx.x % SS_WARP;
    ss_ldmatrix(b, tile + (row + lane % 8 + lane / 16 * 8) * SS_MMA_PITCH(EP) + col +
                       lane / 8 % 2 * 8);
}
/* The same where its rows are the tile's rows. */
template <int EP, class T>
SS_DEVICE void ss_mma_right_turned(uint32_t b[4], const T *tile, int row, int col)
{
    const int lane = threadIdx.x % SS_WARP;
    ss_ldmatrix_turned(b, tile + (row + lane % 16) * SS_MMA_PITCH(EP) + col + lane / 16 * 8);
}

/* `rows` of ROWS rows, e of EP columns, `ld` apart, into a tile; 0 beyond. e, ld and the address
 * are multiples of 8 elements. */
template <int ROWS, int EP, class T>
SS_DEVICE void ss_mma_load(T *tile, const T *from, int64_t ld, int64_t rows, int e)
{
    enum { RUNS = EP / SS_RUN };
    for (int i = threadIdx.x; i < ROWS * RUNS; i += blockDim.x) {
        const int row = i / RUNS, col = i % RUNS * SS_RUN;
        ss_packed<T> v = {};
        if (row < rows && col < e) v = *(const ss_packed<T> *)(from + row * ld + col);
        *(ss_packed<T> *)(tile + row * SS_MMA_PITCH(EP) + col) = v;
    }
}
#endif
