/* strided.c — runs and copies between views (strided.h). */
#include "strided.h"
#include <stdlib.h>

static int64_t clip_i64(int64_t x, int64_t lo, int64_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

#define LOOP(D, S, EXPR)                                                                           \
    do {                                                                                           \
        const S *s_ = (const S *)src;                                                              \
        D *d_ = (D *)dst;                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const S a = s_[i * stride];                                                            \
            d_[i] = (D)(EXPR);                                                                     \
        }                                                                                          \
    } while (0)

/* One case per element type: an expression for f32, f16, bf16 bits (h) and integers. */
#define EACH_TYPE(D, F32, F16, BF16, INT)                                                          \
    switch (t) {                                                                                   \
    case SS_F32:                                                                                   \
        LOOP(D, float, F32);                                                                       \
        break;                                                                                     \
    case SS_F16:                                                                                   \
        LOOP(D, uint16_t, F16);                                                                    \
        break;                                                                                     \
    case SS_BF16:                                                                                  \
        LOOP(D, uint16_t, BF16);                                                                   \
        break;                                                                                     \
    case SS_I64:                                                                                   \
        LOOP(D, int64_t, INT);                                                                     \
        break;                                                                                     \
    case SS_I32:                                                                                   \
        LOOP(D, int32_t, INT);                                                                     \
        break;                                                                                     \
    case SS_U8:                                                                                    \
    case SS_BOOL:                                                                                  \
        LOOP(D, uint8_t, INT);                                                                     \
        break;                                                                                     \
    case SS_DTYPE_COUNT:                                                                           \
        break;                                                                                     \
    }

void ss_load_run(void *dst, ss_as as, const void *src, ss_dtype t, int64_t stride, int64_t n)
{
    if (as == SS_AS_F32 && stride == 1) {
        ss_load_f32((float *)dst, src, t, n);
    } else if (stride == 0 && n > 1) {
        ss_load_run(dst, as, src, t, 1, 1);
        if (as == SS_AS_F32)
            for (int64_t i = 1; i < n; i++) ((float *)dst)[i] = ((float *)dst)[0];
        else if (as == SS_AS_I64)
            for (int64_t i = 1; i < n; i++) ((int64_t *)dst)[i] = ((int64_t *)dst)[0];
        else
            memset((uint8_t *)dst + 1, *(uint8_t *)dst, (size_t)(n - 1));
    } else if (as == SS_AS_F32) {
        EACH_TYPE(float, a, ss_f16_to_f32(a), ss_bf16_to_f32(a), a)
    } else if (as == SS_AS_I64) {
        EACH_TYPE(int64_t, ss_nearest_i64((double)a), ss_nearest_i64((double)ss_f16_to_f32(a)),
                  ss_nearest_i64((double)ss_bf16_to_f32(a)), a)
    } else {
        EACH_TYPE(uint8_t, a != 0, (a & 0x7fff) != 0, (a & 0x7fff) != 0, a != 0)
    }
}

#define PUT(D, S, EXPR)                                                                            \
    do {                                                                                           \
        const S *s_ = (const S *)src;                                                              \
        D *d_ = (D *)dst;                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const S a = s_[i];                                                                     \
            d_[i * stride] = (D)(EXPR);                                                            \
        }                                                                                          \
    } while (0)

static void store_ints(void *dst, ss_dtype t, int64_t stride, const int64_t *src, int64_t n)
{
    switch (t) {
    case SS_I64:
        PUT(int64_t, int64_t, a);
        break;
    case SS_I32:
        PUT(int32_t, int64_t, clip_i64(a, INT32_MIN, INT32_MAX));
        break;
    case SS_U8:
        PUT(uint8_t, int64_t, clip_i64(a, 0, 255));
        break;
    case SS_BOOL:
        PUT(uint8_t, int64_t, a != 0);
        break;
    case SS_F32:
        PUT(float, int64_t, a);
        break;
    case SS_F16:
        PUT(uint16_t, int64_t, ss_f32_to_f16((float)a));
        break;
    case SS_BF16:
        PUT(uint16_t, int64_t, ss_f32_to_bf16((float)a));
        break;
    case SS_DTYPE_COUNT:
        break;
    }
}

void ss_store_run(void *dst, ss_dtype t, int64_t stride, const void *src, ss_as as, int64_t n)
{
    enum { PART = 256 };
    if (as == SS_AS_I64) {
        store_ints(dst, t, stride, (const int64_t *)src, n);
    } else if (as == SS_AS_F32 && stride == 1) {
        ss_store_f32(dst, t, (const float *)src, n);
    } else if (as == SS_AS_F32 && t == SS_F32) {
        PUT(float, float, a);
    } else if (as == SS_AS_F32) { /* convert densely, then spread the elements */
        const size_t size = ss_dtype_bytes(t);
        char part[PART * 8];
        for (int64_t at = 0; at < n; at += PART) {
            const int64_t m = ss_min64(PART, n - at);
            ss_store_f32(part, t, (const float *)src + at, m);
            for (int64_t i = 0; i < m; i++)
                memcpy((char *)dst + (at + i) * stride * (int64_t)size, part + (size_t)i * size,
                       size);
        }
    } else { /* truth values */
        int64_t part[PART];
        const int64_t step = stride * (int64_t)ss_dtype_bytes(t);
        for (int64_t at = 0; at < n; at += PART) {
            const int64_t m = ss_min64(PART, n - at);
            for (int64_t i = 0; i < m; i++) part[i] = ((const uint8_t *)src)[at + i];
            store_ints((char *)dst + at * step, t, stride, part, m);
        }
    }
}

/* ---- copies -------------------------------------------------------------- */

static void keep_f32(void *y, const void *const *x, const void *arg, int64_t n)
{
    (void)arg;
    memcpy(y, x[0], (size_t)n * 4);
}

static void keep_i64(void *y, const void *const *x, const void *arg, int64_t n)
{
    (void)arg;
    memcpy(y, x[0], (size_t)n * 8);
}

/* Both sides after merging; the last two axes are walked as a tile. Strides in bytes. */
typedef struct {
    int nd;
    int64_t shape[SS_MAX_DIM + 1], d[SS_MAX_DIM + 1], s[SS_MAX_DIM + 1];
} copy_plan;

/* Aligns src with dst, drops axes of size 1 and merges axes that both walk as one. */
static void plan_copy(copy_plan *p, const ss_view *dst, const ss_view *src)
{
    const int64_t to = (int64_t)ss_dtype_bytes(dst->dtype),
                  from = (int64_t)ss_dtype_bytes(src->dtype);
    p->nd = 0;
    for (int a = 0; a < dst->ndim; a++) {
        const int b = a - (dst->ndim - src->ndim);
        const int64_t ds = dst->stride[a] * to;
        const int64_t ss = b < 0 || src->shape[b] == 1 ? 0 : src->stride[b] * from;
        if (dst->shape[a] == 1) continue;
        const int q = p->nd - 1;
        if (q >= 0 && p->d[q] == ds * dst->shape[a] && p->s[q] == ss * dst->shape[a]) {
            p->shape[q] *= dst->shape[a];
            p->d[q] = ds;
            p->s[q] = ss;
        } else {
            p->shape[p->nd] = dst->shape[a];
            p->d[p->nd] = ds;
            p->s[p->nd++] = ss;
        }
    }
    /* The axis along which src is densest goes next to the last: tiles then use whole lines. */
    int best = p->nd - 2;
    for (int a = 0; a < p->nd - 1; a++)
        if (p->s[a] != 0 && llabs(p->s[a]) < llabs(p->s[best])) best = a;
    for (int a = best; a >= 0 && a < p->nd - 2; a++) {
        const int64_t t[3] = {p->shape[a], p->d[a], p->s[a]};
        p->shape[a] = p->shape[a + 1], p->d[a] = p->d[a + 1], p->s[a] = p->s[a + 1];
        p->shape[a + 1] = t[0], p->d[a + 1] = t[1], p->s[a + 1] = t[2];
    }
    while (p->nd < 2) { /* a single row, or a single element */
        memmove(p->shape + 1, p->shape, sizeof p->shape - sizeof *p->shape);
        memmove(p->d + 1, p->d, sizeof p->d - sizeof *p->d);
        memmove(p->s + 1, p->s, sizeof p->s - sizeof *p->s);
        p->shape[0] = 1, p->d[0] = 0, p->s[0] = 0;
        p->nd++;
    }
}

#define TILE_LOOP(T)                                                                               \
    for (int64_t i = 0; i < rows; i++)                                                             \
        for (int64_t j = 0; j < cols; j++)                                                         \
            *(T *)(d + i * d0 + j * d1) = *(const T *)(s + i * s0 + j * s1);

/* 4 x 4 blocks of 4-byte elements: the source runs along rows, the target along columns. */
typedef uint32_t quad __attribute__((vector_size(16)));

static quad load_quad(const char *s)
{
    quad v;
    memcpy(&v, s, sizeof v);
    return v;
}

static void turn_block(char *d, int64_t d0, const char *s, int64_t s1)
{
    const quad a = load_quad(s), b = load_quad(s + s1);
    const quad c = load_quad(s + 2 * s1), e = load_quad(s + 3 * s1);
    const quad ab0 = __builtin_shuffle(a, b, (quad){0, 4, 1, 5});
    const quad ab1 = __builtin_shuffle(a, b, (quad){2, 6, 3, 7});
    const quad ce0 = __builtin_shuffle(c, e, (quad){0, 4, 1, 5});
    const quad ce1 = __builtin_shuffle(c, e, (quad){2, 6, 3, 7});
    const quad row[] = {__builtin_shuffle(ab0, ce0, (quad){0, 1, 4, 5}),
                        __builtin_shuffle(ab0, ce0, (quad){2, 3, 6, 7}),
                        __builtin_shuffle(ab1, ce1, (quad){0, 1, 4, 5}),
                        __builtin_shuffle(ab1, ce1, (quad){2, 3, 6, 7})};
    for (int i = 0; i < 4; i++) memcpy(d + i * d0, &row[i], sizeof row[i]);
}

#define EQUAL_ROWS(N)                                                                              \
    case N:                                                                                        \
        for (int64_t i = 0; i < rows; i++) memcpy(d + i * d0, s + i * s0, N);                      \
        break;

/* Dense rows of `bytes`; of the short ones that a few channels make, without a call for each. */
static void copy_rows(char *d, int64_t d0, const char *s, int64_t s0, int64_t rows, int64_t bytes)
{
    switch (bytes) {
        EQUAL_ROWS(4)
        EQUAL_ROWS(8)
        EQUAL_ROWS(16)
        EQUAL_ROWS(32)
        EQUAL_ROWS(64)
        EQUAL_ROWS(128)
    default:
        for (int64_t i = 0; i < rows; i++) memcpy(d + i * d0, s + i * s0, (size_t)bytes);
    }
}

/* rows x cols elements of `size` bytes. */
static void copy_tile(char *d, int64_t d0, int64_t d1, const char *s, int64_t s0, int64_t s1,
                      int64_t rows, int64_t cols, int64_t size)
{
    if (d1 == size && s1 == size) {
        copy_rows(d, d0, s, s0, rows, cols * size);
        return;
    }
    if (size == 4 && d1 == 4 && s0 == 4 && rows % 4 == 0 && cols % 4 == 0) {
        for (int64_t i = 0; i < rows; i += 4)
            for (int64_t j = 0; j < cols; j += 4)
                turn_block(d + i * d0 + j * 4, d0, s + i * 4 + j * s1, s1);
        return;
    }
    switch (size) {
    case 1:
        TILE_LOOP(uint8_t)
        break;
    case 2:
        TILE_LOOP(uint16_t)
        break;
    case 4:
        TILE_LOOP(uint32_t)
        break;
    default:
        TILE_LOOP(uint64_t)
        break;
    }
}

/* Where element (i, j) of tile plane `plane` lies, in bytes. */
static void tile_at(const copy_plan *p, int64_t plane, int64_t i, int64_t j, int64_t *d, int64_t *s)
{
    const int r = p->nd - 2, c = p->nd - 1;
    *d = i * p->d[r] + j * p->d[c], *s = i * p->s[r] + j * p->s[c];
    for (int a = r - 1; a >= 0; a--) {
        *d += plane % p->shape[a] * p->d[a];
        *s += plane % p->shape[a] * p->s[a];
        plane /= p->shape[a];
    }
}

static void copy_bytes(const ss_view *dst, const ss_view *src)
{
    enum { TILE_ROWS = 16, TILE_COLS = 64, RUN = 16384 };
    const int64_t size = (int64_t)ss_dtype_bytes(dst->dtype);
    copy_plan p;
    plan_copy(&p, dst, src);
    const int r = p.nd - 2, c = p.nd - 1;
    const bool runs = p.d[c] == size && p.s[c] == size;
    const int64_t tile_cols = runs ? RUN : TILE_COLS,
                  tile_rows = runs ? ss_max64(1, RUN / p.shape[c]) : TILE_ROWS;
    const int64_t nc = ss_ceil_div(p.shape[c], tile_cols), nr = ss_ceil_div(p.shape[r], tile_rows);
    const int64_t tiles = dst->count / (p.shape[c] * p.shape[r]) * nc * nr;
    SS_PARALLEL_FOR (t, tiles, dst->count / tiles + 1) {
        const int64_t j = t % nc * tile_cols, i = t / nc % nr * tile_rows;
        int64_t d, s;
        tile_at(&p, t / nc / nr, i, j, &d, &s);
        copy_tile((char *)dst->data + d, p.d[r], p.d[c], (const char *)src->data + s, p.s[r],
                  p.s[c], ss_min64(tile_rows, p.shape[r] - i), ss_min64(tile_cols, p.shape[c] - j),
                  size);
    }
}

/* Another type of float where the target runs along one axis and the source along another: tiles
 * are turned, then converted. False: not that case. */
static bool convert_turned(const ss_view *dst, const ss_view *src)
{
    enum { TILE = 64 };
    const int64_t to = (int64_t)ss_dtype_bytes(dst->dtype);
    copy_plan p;
    if (!ss_is_float(dst->dtype) || src->dtype != SS_F32) return false;
    plan_copy(&p, dst, src);
    const int r = p.nd - 2, c = p.nd - 1;
    if (p.d[c] != to || p.s[r] != 4 || p.shape[r] < 4 || p.shape[c] < 4) return false;
    const int64_t nc = ss_ceil_div(p.shape[c], TILE), nr = ss_ceil_div(p.shape[r], TILE);
    const int64_t tiles = dst->count / (p.shape[c] * p.shape[r]) * nc * nr;
    SS_PARALLEL_FOR (t, tiles, dst->count / tiles + 1) {
        float tile[TILE * TILE];
        const int64_t j = t % nc * TILE, i = t / nc % nr * TILE;
        const int64_t rows = ss_min64(TILE, p.shape[r] - i), cols = ss_min64(TILE, p.shape[c] - j);
        int64_t d, s;
        tile_at(&p, t / nc / nr, i, j, &d, &s);
        for (int64_t k = 0; k < cols; k += 4) /* lines of the source are used up at once */
            copy_tile((char *)(tile + k), TILE * 4, 4, (const char *)src->data + s + k * p.s[c], 4,
                      p.s[c], rows, ss_min64(4, cols - k), 4);
        for (int64_t k = 0; k < rows; k++)
            ss_store_f32((char *)dst->data + d + k * p.d[r], dst->dtype, tile + k * TILE, cols);
    }
    return true;
}

static void convert_view(const ss_view *dst, const ss_view *src)
{
    if (convert_turned(dst, src)) return;
    const bool f = ss_is_float(src->dtype);
    const ss_ew e = {.fn = f ? keep_f32 : keep_i64,
                     .out = f ? SS_AS_F32 : SS_AS_I64,
                     .in = {f ? SS_AS_F32 : SS_AS_I64}};
    ss_ew_run(&e, dst, 1, src);
}

void ss_copy_view(const ss_view *dst, const ss_view *src)
{
    if (dst->count == 0) return;
    if (dst->dtype == src->dtype)
        copy_bytes(dst, src);
    else
        convert_view(dst, src);
}

/* ---- views --------------------------------------------------------------- */

ss_view ss_view_of(void *data, ss_dtype t, int ndim, const int64_t *shape)
{
    ss_view v = {.data = data, .dtype = t, .ndim = ndim, .count = 1, .present = true};
    for (int a = ndim - 1; a >= 0; a--) {
        v.shape[a] = shape[a];
        v.stride[a] = v.count;
        v.count *= shape[a];
    }
    return v;
}

ss_view ss_view_slice(ss_view v, int axis, int64_t start, int64_t n, int64_t step)
{
    if (v.data && n > 0)
        v.data = (char *)v.data + start * v.stride[axis] * (int64_t)ss_dtype_bytes(v.dtype);
    v.count = v.shape[axis] ? v.count / v.shape[axis] * n : 0;
    v.shape[axis] = n;
    v.stride[axis] *= step;
    return v;
}

void ss_zero_view(const ss_view *v)
{
    enum { PART = 1 << 16 };
    const int64_t bytes = v->count * (int64_t)ss_dtype_bytes(v->dtype);
    SS_PARALLEL_FOR (i, ss_ceil_div(bytes, PART), PART)
        memset((char *)v->data + i * PART, 0, (size_t)ss_min64(PART, bytes - i * PART));
}
