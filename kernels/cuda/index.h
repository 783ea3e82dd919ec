/* index.h — places named by an index tensor, and elements moved whatever their type. */
#ifndef SEMISAM_CUDA_INDEX_H
#define SEMISAM_CUDA_INDEX_H
#include "number.h"
#include "split.h"

/* A contiguous tensor seen as [outer, n, inner] around one axis. */
struct ss_axis {
    int64_t outer, n, inner;
};
static inline ss_axis ss_axis_around(const ss_view *x, int axis)
{
    ss_axis s = {1, x->shape[axis], 1};
    for (int a = 0; a < axis; a++) s.outer *= x->shape[a];
    for (int a = axis + 1; a < x->ndim; a++) s.inner *= x->shape[a];
    return s;
}

SS_DEVICE int64_t ss_index_at(const void *index, ss_dtype t, int64_t i)
{
    int64_t v;
    ss_read(&v, index, t, i);
    return v;
}
/* Kept within 0..n-1: a wrong index, which the check reports, reads a place that exists. */
SS_DEVICE int64_t ss_index_within(const void *index, ss_dtype t, int64_t i, int64_t n)
{
    return ss_clip(ss_index_at(index, t, i), 0, n - 1);
}

/* 16 bytes. */
struct alignas(16) ss_unit16 {
    uint64_t half[2];
};
/* The largest unit of 1, 2, 4, 8 or 16 bytes in which runs of `bytes` can move between a and b. */
static inline int ss_unit_of(int64_t bytes, const void *a, const void *b)
{
    int unit = 16;
    while (bytes % unit || (intptr_t)a % unit || (intptr_t)b % unit) unit /= 2;
    return unit;
}
/* SS_UNITS(bytes, S, code) — code with S as an unsigned type of that many bytes. */
#define SS_UNITS(bytes, S, ...)                                                                    \
    switch (bytes) {                                                                               \
    case 1: {                                                                                      \
        typedef uint8_t S;                                                                         \
        __VA_ARGS__                                                                                \
    } break;                                                                                       \
    case 2: {                                                                                      \
        typedef uint16_t S;                                                                        \
        __VA_ARGS__                                                                                \
    } break;                                                                                       \
    case 4: {                                                                                      \
        typedef uint32_t S;                                                                        \
        __VA_ARGS__                                                                                \
    } break;                                                                                       \
    case 8: {                                                                                      \
        typedef uint64_t S;                                                                        \
        __VA_ARGS__                                                                                \
    } break;                                                                                       \
    default: {                                                                                     \
        typedef ss_unit16 S;                                                                       \
        __VA_ARGS__                                                                                \
    } break;                                                                                       \
    }
#endif
