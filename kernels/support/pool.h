/* pool.h — windows over channels-last images and volumes, for max_pool and avg_pool.
 *
 * Two-dimensional ops have depth 1 in front. Every loop writes each element once, so that the
 * result does not depend on threads; inner loops run over channels. */
#ifndef SEMISAM_POOL_H
#define SEMISAM_POOL_H
#include "../cpu.h"
#include "both.h"

enum { SS_POOL_BLOCK = 64 }; /* channels handled at once */

typedef struct ss_pool {
    int nd;
    int64_t n, c, x[3], k[3], y[3], step[3], pad[3];
} ss_pool;

/* Attributes kernel, stride?, pad at `at`; x gives the sizes (NULL: fill x[] yourself before
 * ss_pool_sizes). */
static inline ss_status ss_pool_attrs(ss_call *c, ss_pool *q, int nd, int at)
{
    const ss_attr *a = c->attr + at;
    memset(q, 0, sizeof *q);
    q->nd = nd;
    for (int i = 0; i < 3; i++) {
        const int k = i - (3 - nd);
        q->x[i] = q->y[i] = 1;
        q->k[i] = k < 0 ? 1 : a[0].v[k];
        q->step[i] = k < 0 ? 1 : a[1].n < 0 ? q->k[i] : a[1].v[k];
        q->pad[i] = k < 0 ? 0 : a[2].v[k];
        if (q->k[i] < 1 || q->step[i] < 1 || q->pad[i] < 0 || q->pad[i] >= q->k[i])
            return ss_fail(c, SS_E_ARG,
                           "expected kernel and stride of at least 1 and pad below the kernel, got "
                           "kernel %lld, stride %lld, pad %lld along %c",
                           (long long)q->k[i], (long long)q->step[i], (long long)q->pad[i],
                           "dhw"[i]);
    }
    return SS_OK;
}

static inline ss_status ss_pool_sizes(ss_call *c, ss_pool *q, int ndim, const int64_t *shape)
{
    if (ndim != q->nd + 2)
        return ss_fail(c, SS_E_SHAPE, "expected x with %d axes %s, got %d", q->nd + 2,
                       q->nd == 3 ? "[n, d, h, w, channels]" : "[n, h, w, channels]", ndim);
    q->n = shape[0];
    q->c = shape[q->nd + 1];
    for (int i = 3 - q->nd; i < 3; i++) {
        q->x[i] = shape[1 + i - (3 - q->nd)];
        const int64_t room = q->x[i] + 2 * q->pad[i] - q->k[i];
        if (room < 0)
            return ss_fail(c, SS_E_SHAPE,
                           "kernel spans %lld positions along %c but x with padding has %lld",
                           (long long)q->k[i], "dhw"[i], (long long)(q->x[i] + 2 * q->pad[i]));
        q->y[i] = room / q->step[i] + 1;
    }
    return SS_OK;
}

static inline int ss_pool_shape(const ss_pool *q, bool of_x, int64_t shape[SS_MAX_DIM])
{
    int n = 0;
    shape[n++] = q->n;
    for (int i = 3 - q->nd; i < 3; i++) shape[n++] = of_x ? q->x[i] : q->y[i];
    shape[n++] = q->c;
    return n;
}

/* Positions of x, or outputs, that belong together along one axis: from..to, `to` excluded. */
typedef struct ss_pool_range {
    int64_t from, to;
} ss_pool_range;

/* What output o covers. */
SS_BOTH ss_pool_range ss_pool_window(const ss_pool *q, int i, int64_t o)
{
    const int64_t at = o * q->step[i] - q->pad[i];
    ss_pool_range r = {at, at + q->k[i]};
    if (r.from < 0) r.from = 0;
    if (r.to > q->x[i]) r.to = q->x[i];
    return r;
}

/* The outputs that cover position `at` of x. */
SS_BOTH ss_pool_range ss_pool_cover(const ss_pool *q, int i, int64_t at)
{
    const int64_t first = at + q->pad[i] - q->k[i] + 1;
    ss_pool_range r = {first <= 0 ? 0 : (first + q->step[i] - 1) / q->step[i],
                       (at + q->pad[i]) / q->step[i] + 1};
    if (r.to > q->y[i]) r.to = q->y[i];
    return r;
}

/* n consecutive values as f32: where they are, or a copy in `tmp`. */
static inline const float *ss_pool_read(const void *data, ss_dtype t, int64_t at, int64_t n,
                                        float *tmp)
{
    if (t == SS_F32) return (const float *)data + at;
    ss_load_f32(tmp, (const char *)data + (size_t)at * ss_dtype_bytes(t), t, n);
    return tmp;
}

static inline void ss_pool_write(void *data, ss_dtype t, int64_t at, int64_t n, const float *v)
{
    ss_store_f32((char *)data + (size_t)at * ss_dtype_bytes(t), t, v, n);
}

/* Elements of a window along which output o averages. */
SS_BOTH float ss_pool_share(const ss_pool *q, const int64_t o[3], bool with_pad)
{
    int64_t count = 1;
    for (int i = 0; i < 3; i++) {
        const ss_pool_range r = ss_pool_window(q, i, o[i]);
        count *= with_pad ? q->k[i] : r.to - r.from;
    }
    return 1.0f / (float)count;
}

/* Splits row r of [n, size0, size1, size2] into its coordinates. */
SS_BOTH int64_t ss_pool_where(int64_t r, const int64_t size[3], int64_t at[3])
{
    at[2] = r % size[2];
    at[1] = r / size[2] % size[1];
    at[0] = r / (size[2] * size[1]) % size[0];
    return r / (size[2] * size[1] * size[0]);
}

SS_BOTH int64_t ss_pool_row(int64_t n, const int64_t size[3], int64_t d, int64_t h, int64_t w)
{
    return ((n * size[0] + d) * size[1] + h) * size[2] + w;
}

/* The first tap that lies in x of the window of output o. */
static inline int32_t ss_pool_first_tap(const ss_pool *q, const int64_t o[3])
{
    int64_t tap = 0;
    for (int i = 0; i < 3; i++)
        tap = tap * q->k[i] + ss_pool_window(q, i, o[i]).from + q->pad[i] - o[i] * q->step[i];
    return (int32_t)tap;
}

/* n neighbours under one tap of their windows: the largest so far and the tap that gave it, which
 * begin as -INFINITY and the first tap. A NaN wins. Few go eight at a time, since a loop of known
 * length becomes a vector; many are left to the compiler. */
static inline void ss_pool_contend(const float *__restrict v, int64_t n, int32_t tap,
                                   float *__restrict best, int32_t *__restrict which)
{
    for (; n >= 8 && n < 32; n -= 8, v += 8, best += 8, which += 8)
        for (int i = 0; i < 8; i++) {
            const bool wins = v[i] > best[i] || v[i] != v[i];
            best[i] = wins ? v[i] : best[i];
            which[i] = wins ? tap : which[i];
        }
    for (int64_t i = 0; i < n; i++) {
        const bool wins = v[i] > best[i] || v[i] != v[i];
        best[i] = wins ? v[i] : best[i];
        which[i] = wins ? tap : which[i];
    }
}

SS_BOTH int64_t ss_pool_count(const int64_t v[3])
{
    return v[0] * v[1] * v[2];
}
#endif
