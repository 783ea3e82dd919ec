/* block.h — consecutive elements of any type as f32: f32 is used in place, the rest goes through
 * a buffer of the caller. */
#ifndef SEMISAM_BLOCK_H
#define SEMISAM_BLOCK_H
#include "../cpu.h"

static inline void *ss_at(const ss_view *v, int64_t at)
{
    return (char *)v->data + at * (int64_t)ss_dtype_bytes(v->dtype);
}

/* n elements at offset `at`, as f32: the tensor's own memory or `buf`, which then holds them. */
static inline const float *ss_block_in(const ss_view *v, int64_t at, int64_t n, float *buf)
{
    const void *p = ss_at(v, at);
    if (v->dtype == SS_F32) return (const float *)p;
    if (v->dtype == SS_BF16) {
        const uint16_t *h = (const uint16_t *)p;
        for (int64_t i = 0; i < n; i++) buf[i] = ss_bf16_to_f32(h[i]);
    } else {
        ss_load_f32(buf, p, v->dtype, n);
    }
    return buf;
}

/* Where to write f32 results for offset `at`; ss_block_done() then stores n of them. */
static inline float *ss_block_out(const ss_view *v, int64_t at, float *buf)
{
    return v->dtype == SS_F32 ? (float *)ss_at(v, at) : buf;
}
static inline void ss_block_done(const ss_view *v, int64_t at, int64_t n, const float *from)
{
    if (v->dtype == SS_F32) return;
    if (v->dtype == SS_BF16) {
        uint16_t *h = (uint16_t *)ss_at(v, at);
        for (int64_t i = 0; i < n; i++) h[i] = ss_f32_to_bf16(from[i]);
    } else {
        ss_store_f32(ss_at(v, at), v->dtype, from, n);
    }
}

/* Element `at` of an integer tensor (bool, u8, i32, i64). */
static inline int64_t ss_int_at(const ss_view *v, int64_t at)
{
    switch (v->dtype) {
    case SS_I64:
        return ((const int64_t *)v->data)[at];
    case SS_I32:
        return ((const int32_t *)v->data)[at];
    default:
        return ((const uint8_t *)v->data)[at];
    }
}
#endif
