/* half.c — blocks of any element type to f32 and back. */
#include "../cpu.h"

void ss_load_f32(float *dst, const void *src, ss_dtype t, int64_t n)
{
    switch (t) {
    case SS_F32:
        memcpy(dst, src, (size_t)n * 4);
        break;
    case SS_F16:
        for (int64_t i = 0; i < n; i++) dst[i] = ss_f16_to_f32(((const uint16_t *)src)[i]);
        break;
    case SS_BF16:
        for (int64_t i = 0; i < n; i++) dst[i] = ss_bf16_to_f32(((const uint16_t *)src)[i]);
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
        for (int64_t i = 0; i < n; i++) ((uint16_t *)dst)[i] = ss_f32_to_f16(src[i]);
        break;
    case SS_BF16:
        for (int64_t i = 0; i < n; i++) ((uint16_t *)dst)[i] = ss_f32_to_bf16(src[i]);
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
