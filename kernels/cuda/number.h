/* number.h — elements of any type, read and written in the type an expression works in: float,
 * 64-bit integers, or truth values in a byte (see ss_as in support/elementwise.h). */
#ifndef SEMISAM_CUDA_NUMBER_H
#define SEMISAM_CUDA_NUMBER_H
#include "cuda.h"

/* Nearest integer, ties to even; out of range goes to the nearest limit, NaN to 0. */
SS_DEVICE int64_t ss_nearest(float x)
{
    if (x != x) return 0;
    if (x >= 9223372036854775808.0f) return INT64_MAX;
    if (x <= -9223372036854775808.0f) return INT64_MIN;
    return (int64_t)rintf(x);
}
SS_DEVICE int64_t ss_clip(int64_t x, int64_t lo, int64_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

SS_DEVICE void ss_read(float *to, const void *p, ss_dtype t, int64_t i)
{
    *to = ss_load(p, t, i);
}
SS_DEVICE void ss_read(int64_t *to, const void *p, ss_dtype t, int64_t i)
{
    switch (t) {
    case SS_BOOL:
    case SS_U8:
        *to = ((const uint8_t *)p)[i];
        break;
    case SS_I32:
        *to = ((const int32_t *)p)[i];
        break;
    case SS_I64:
        *to = ((const int64_t *)p)[i];
        break;
    default:
        *to = ss_nearest(ss_load(p, t, i));
    }
}
SS_DEVICE void ss_read(uint64_t *to, const void *p, ss_dtype t, int64_t i)
{
    int64_t v;
    ss_read(&v, p, t, i);
    *to = (uint64_t)v;
}
/* Truth: anything but zero, NaN too. */
SS_DEVICE void ss_read(uint8_t *to, const void *p, ss_dtype t, int64_t i)
{
    switch (t) {
    case SS_F16:
    case SS_BF16:
        *to = (((const uint16_t *)p)[i] & 0x7fff) != 0;
        break;
    case SS_F32:
        *to = ((const float *)p)[i] != 0;
        break;
    default:
        int64_t v;
        ss_read(&v, p, t, i);
        *to = v != 0;
    }
}

/* Integers saturate to the type they are stored in; for bool anything but zero is true. */
SS_DEVICE void ss_write(void *p, ss_dtype t, int64_t i, int64_t x)
{
    switch (t) {
    case SS_BOOL:
        ((uint8_t *)p)[i] = x != 0;
        break;
    case SS_U8:
        ((uint8_t *)p)[i] = (uint8_t)ss_clip(x, 0, 255);
        break;
    case SS_I32:
        ((int32_t *)p)[i] = (int32_t)ss_clip(x, INT32_MIN, INT32_MAX);
        break;
    case SS_I64:
        ((int64_t *)p)[i] = x;
        break;
    default:
        ss_store(p, t, i, (float)x);
    }
}
SS_DEVICE void ss_write(void *p, ss_dtype t, int64_t i, uint8_t x)
{
    ss_write(p, t, i, (int64_t)x);
}
SS_DEVICE void ss_write(void *p, ss_dtype t, int64_t i, float x)
{
    if (t == SS_BOOL)
        ((uint8_t *)p)[i] = x != 0;
    else if (t == SS_U8 || t == SS_I32 || t == SS_I64)
        ss_write(p, t, i, ss_nearest(x));
    else
        ss_store(p, t, i, x);
}
#endif
