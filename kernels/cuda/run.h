/* run.h — SS_RUN elements beside each other, moved 16 bytes at a time and converted to or from the
 * type an expression works in. The general way, one element of any type, is number.h. */
#ifndef SEMISAM_CUDA_RUN_H
#define SEMISAM_CUDA_RUN_H
#include "number.h"

enum { SS_RUN = 8 };

/* Before a loop of a few turns over an array that is to live in registers. */
#ifdef SS_EMULATE
#define SS_UNROLL
#else
#define SS_UNROLL _Pragma("unroll")
#endif

/* A run as it lies in memory. */
template <class S> struct alignas(SS_RUN * sizeof(S) < 16 ? SS_RUN * sizeof(S) : 16) ss_packed {
    S v[SS_RUN];
};

/* One element in a working type: float, 64 bits, or truth in a byte. */
SS_DEVICE void ss_turn(float *to, float x)
{
    *to = x;
}
SS_DEVICE void ss_turn(float *to, ss_f16 x)
{
    *to = ss_f32(x);
}
SS_DEVICE void ss_turn(float *to, ss_bf16 x)
{
    *to = ss_f32(x);
}
SS_DEVICE void ss_turn(float *to, uint8_t x)
{
    *to = (float)x;
}
template <class S> SS_DEVICE void ss_turn(int64_t *to, S x)
{
    *to = x;
}
template <class S> SS_DEVICE void ss_turn(uint64_t *to, S x)
{
    *to = (uint64_t)(int64_t)x;
}
SS_DEVICE void ss_turn(uint8_t *to, float x)
{
    *to = x != 0;
}
SS_DEVICE void ss_turn(uint8_t *to, uint8_t x)
{
    *to = x != 0;
}
template <class S, class T> SS_DEVICE void ss_turn_run(T *to, const void *p, int64_t i)
{
    const ss_packed<S> s = *(const ss_packed<S> *)((const S *)p + i);
    SS_UNROLL
    for (int r = 0; r < SS_RUN; r++) ss_turn(&to[r], s.v[r]);
}

/* ss_read_run() — elements i.. of an array, i at a multiple of 16 bytes (8 of a byte type). The
 * types are those ss_run_reads() names for the working type. */
SS_DEVICE void ss_read_run(float *to, const void *p, ss_dtype t, int64_t i)
{
    if (t == SS_F32)
        ss_turn_run<float>(to, p, i);
    else if (t == SS_F16)
        ss_turn_run<ss_f16>(to, p, i);
    else if (t == SS_BF16)
        ss_turn_run<ss_bf16>(to, p, i);
    else
        ss_turn_run<uint8_t>(to, p, i);
}
template <class T> SS_DEVICE void ss_read_run(T *to, const void *p, ss_dtype t, int64_t i)
{
    if (t == SS_I64)
        ss_turn_run<int64_t>(to, p, i);
    else if (t == SS_I32)
        ss_turn_run<int32_t>(to, p, i);
    else
        ss_turn_run<uint8_t>(to, p, i);
}
SS_DEVICE void ss_read_run(uint8_t *to, const void *p, ss_dtype t, int64_t i)
{
    if (t == SS_F32)
        ss_turn_run<float>(to, p, i);
    else
        ss_turn_run<uint8_t>(to, p, i);
}
static inline bool ss_run_reads(const float *, ss_dtype t)
{
    return ss_is_float(t) || t == SS_U8 || t == SS_BOOL;
}
template <class T> static inline bool ss_run_reads(const T *, ss_dtype t)
{
    return !ss_is_float(t);
}
static inline bool ss_run_reads(const uint8_t *, ss_dtype t)
{
    return t == SS_F32 || t == SS_U8 || t == SS_BOOL;
}

/* One element as stored. */
SS_DEVICE void ss_settle(float *to, float x)
{
    *to = x;
}
SS_DEVICE void ss_settle(ss_f16 *to, float x)
{
    ss_put(to, x);
}
SS_DEVICE void ss_settle(ss_bf16 *to, float x)
{
    ss_put(to, x);
}
SS_DEVICE void ss_settle(int64_t *to, int64_t x)
{
    *to = x;
}
SS_DEVICE void ss_settle(int32_t *to, int64_t x)
{
    *to = (int32_t)ss_clip(x, INT32_MIN, INT32_MAX);
}
SS_DEVICE void ss_settle(uint8_t *to, int64_t x)
{
    *to = (uint8_t)ss_clip(x, 0, 255);
}
template <class S, class Y> SS_DEVICE void ss_settle_run(void *p, int64_t i, const Y *x)
{
    ss_packed<S> s;
    SS_UNROLL
    for (int r = 0; r < SS_RUN; r++) ss_settle(&s.v[r], x[r]);
    *(ss_packed<S> *)((S *)p + i) = s;
}

/* ss_write_run() — the same for results; ss_run_writes() names the types. */
SS_DEVICE void ss_write_run(void *p, ss_dtype t, int64_t i, const float *x)
{
    if (t == SS_F32)
        ss_settle_run<float>(p, i, x);
    else if (t == SS_F16)
        ss_settle_run<ss_f16>(p, i, x);
    else
        ss_settle_run<ss_bf16>(p, i, x);
}
SS_DEVICE void ss_write_run(void *p, ss_dtype t, int64_t i, const int64_t *x)
{
    if (t == SS_F32 || t == SS_F16 || t == SS_BF16) {
        float f[SS_RUN];
        SS_UNROLL
        for (int r = 0; r < SS_RUN; r++) f[r] = (float)x[r];
        ss_write_run(p, t, i, f);
    } else if (t == SS_I64) {
        ss_settle_run<int64_t>(p, i, x);
    } else if (t == SS_I32) {
        ss_settle_run<int32_t>(p, i, x);
    } else {
        int64_t v[SS_RUN];
        SS_UNROLL
        for (int r = 0; r < SS_RUN; r++) v[r] = t == SS_BOOL ? x[r] != 0 : x[r];
        ss_settle_run<uint8_t>(p, i, v);
    }
}
SS_DEVICE void ss_write_run(void *p, ss_dtype, int64_t i, const uint8_t *x)
{
    ss_packed<uint8_t> s;
    SS_UNROLL
    for (int r = 0; r < SS_RUN; r++) s.v[r] = x[r];
    *(ss_packed<uint8_t> *)((uint8_t *)p + i) = s;
}
static inline bool ss_run_writes(const float *, ss_dtype t)
{
    return ss_is_float(t);
}
static inline bool ss_run_writes(const int64_t *, ss_dtype)
{
    return true;
}
static inline bool ss_run_writes(const uint8_t *, ss_dtype t)
{
    return t == SS_U8 || t == SS_BOOL;
}

/* Whether runs of an operand of this type may begin at every multiple of `step` elements from p. */
static inline bool ss_run_fits(const void *p, ss_dtype t, int64_t step)
{
    const int64_t size = (int64_t)ss_dtype_bytes(t),
                  align = SS_RUN * size < 16 ? SS_RUN * size : 16;
    return (intptr_t)p % align == 0 && step * size % align == 0;
}
#endif
