/* _max_pool3d_dx.c — gradient of max_pool3d: dy goes to the tap that won. */
#include "support/pool.h"

static ss_status of(ss_call *c, ss_pool *q)
{
    const ss_view *dy = &c->in[0];
    int64_t shape[SS_MAX_DIM];
    ss_status st = ss_pool_attrs(c, q, 3, 1);
    if (st) return st;
    if (dy->ndim != 3 + 2 || c->in[1].count != dy->count)
        return ss_fail(c, SS_E_SHAPE, "expected dy with %d axes and one index per element", 3 + 2);
    shape[0] = dy->shape[0];
    for (int i = 0; i < 3; i++) shape[1 + i] = c->attr[0].v[i];
    shape[3 + 1] = dy->shape[3 + 1];
    return ss_pool_sizes(c, q, 3 + 2, shape);
}

static ss_status infer(ss_call *c)
{
    ss_pool q;
    int64_t shape[SS_MAX_DIM];
    ss_status st = of(c, &q);
    if (st) return st;
    const int n = ss_pool_shape(&q, false, shape);
    for (int i = 0; i < n; i++)
        if (c->in[0].shape[i] != shape[i])
            return ss_fail(c, SS_E_SHAPE, "expected dy of size %lld on axis %d, got %lld",
                           (long long)shape[i], i + 1, (long long)c->in[0].shape[i]);
    return ss_out(c, 0, c->in[0].dtype, ss_pool_shape(&q, true, shape), shape);
}

/* Windows side by side, as networks pool: every position has one window at most. */
static bool side_by_side(const ss_pool *q)
{
    for (int i = 0; i < 3; i++)
        if (q->step[i] != q->k[i] || q->pad[i]) return false;
    return true;
}

static inline void pass(const float *dy, const int32_t *which, int32_t tap, int64_t n, float *dx)
{
    for (; n >= 8; n -= 8, dy += 8, which += 8, dx += 8)
        for (int i = 0; i < 8; i++) dx[i] = 0.0f + (which[i] == tap ? dy[i] : 0.0f);
    for (int64_t i = 0; i < n; i++) dx[i] = 0.0f + (which[i] == tap ? dy[i] : 0.0f);
}

/* Row r of dx along w under windows side by side, in f32. */
static void row(const ss_pool *q, const float *dy, const int32_t *which, int64_t r, float *dx)
{
    const int64_t h = r % q->x[1], d = r / q->x[1] % q->x[0], n = r / (q->x[1] * q->x[0]);
    const int64_t a = d / q->k[0], b = h / q->k[1], covered = q->y[2] * q->k[2];
    memset(dx, 0, (size_t)(q->x[2] * q->c) * sizeof *dx);
    if (a >= q->y[0] || b >= q->y[1]) return;
    const int64_t from = ss_pool_row(n, q->y, a, b, 0) * q->c;
    const int64_t tap = (d % q->k[0] * q->k[1] + h % q->k[1]) * q->k[2];
    for (int64_t w = 0, e = 0, at = from; w < covered; w++) {
        pass(dy + at, which + at, (int32_t)(tap + e), q->c, dx + w * q->c);
        if (++e == q->k[2]) e = 0, at += q->c;
    }
}

static ss_status cpu(ss_call *c)
{
    ss_pool q;
    ss_status st = of(c, &q);
    if (st) return st;
    const ss_view *dy = &c->in[0], *dx = &c->out[0];
    const int32_t *index = c->in[1].data;
    if (dx->dtype == SS_F32 && side_by_side(&q)) {
        SS_PARALLEL_FOR (r, q.n * q.x[0] * q.x[1], q.x[2] * q.c)
            row(&q, dy->data, index, r, (float *)dx->data + r * q.x[2] * q.c);
        return SS_OK;
    }
    SS_PARALLEL_FOR (r, q.n * ss_pool_count(q.x), q.c * 4) {
        int64_t at[3];
        const int64_t n = ss_pool_where(r, q.x, at);
        const ss_pool_range d = ss_pool_cover(&q, 0, at[0]), h = ss_pool_cover(&q, 1, at[1]),
                            w = ss_pool_cover(&q, 2, at[2]);
        for (int64_t c0 = 0; c0 < q.c; c0 += SS_POOL_BLOCK) {
            float sum[SS_POOL_BLOCK] = {0}, tmp[SS_POOL_BLOCK];
            const int64_t count = ss_min64(SS_POOL_BLOCK, q.c - c0);
            for (int64_t a = d.from; a < d.to; a++)
                for (int64_t b = h.from; b < h.to; b++)
                    for (int64_t e = w.from; e < w.to; e++) {
                        const int64_t to = ss_pool_row(n, q.y, a, b, e) * q.c + c0;
                        const float *v = ss_pool_read(dy->data, dy->dtype, to, count, tmp);
                        const int64_t kd = at[0] + q.pad[0] - a * q.step[0],
                                      kh = at[1] + q.pad[1] - b * q.step[1],
                                      kw = at[2] + q.pad[2] - e * q.step[2];
                        const int32_t tap = (int32_t)((kd * q.k[1] + kh) * q.k[2] + kw);
                        for (int64_t i = 0; i < count; i++)
                            sum[i] += index[to + i] == tap ? v[i] : 0.0f;
                    }
            ss_pool_write(dx->data, dx->dtype, r * q.c + c0, count, sum);
        }
    }
    return SS_OK;
}

const ss_op SS_OP(_max_pool3d_dx) = {
    .name = "_max_pool3d_dx",
    .sig = "dy: float, which: index, size: int3, kernel: int3, stride?: int3, pad: int3 = 0",
    .doc = "Gradient of max_pool3d; `which` is the winning tap of each window, `size` x's.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
