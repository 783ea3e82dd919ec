/* _avg_pool3d_dx.c — gradient of avg_pool3d. */
#include "support/pool.h"

static ss_status of(ss_call *c, ss_pool *q)
{
    const ss_view *dy = &c->in[0];
    int64_t shape[SS_MAX_DIM];
    ss_status st = ss_pool_attrs(c, q, 3, 1);
    if (st) return st;
    if (dy->ndim != 3 + 2)
        return ss_fail(c, SS_E_SHAPE, "expected dy with %d axes, got %d", 3 + 2, dy->ndim);
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

static ss_status cpu(ss_call *c)
{
    ss_pool q;
    ss_status st = of(c, &q);
    if (st) return st;
    const ss_view *dy = &c->in[0], *dx = &c->out[0];
    const bool with_pad = c->attr[4].v[0];
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
                        const float share = ss_pool_share(&q, (int64_t[3]){a, b, e}, with_pad);
                        for (int64_t i = 0; i < count; i++) sum[i] += share * v[i];
                    }
            ss_pool_write(dx->data, dx->dtype, r * q.c + c0, count, sum);
        }
    }
    return SS_OK;
}

const ss_op SS_OP(_avg_pool3d_dx) = {
    .name = "_avg_pool3d_dx",
    .sig = "dy: float, size: int3, kernel: int3, stride?: int3, pad: int3 = 0, "
           "count_include_pad: bool = false",
    .doc = "Gradient of avg_pool3d; `size` is x's.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
