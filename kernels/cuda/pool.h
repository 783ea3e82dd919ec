/* pool.h — pooling over channels-last images and volumes: a thread per element written, channels
 * side by side. */
#ifndef SEMISAM_CUDA_POOL_H
#define SEMISAM_CUDA_POOL_H
#include "split.h"
#include "support/pool.h"

/* Where element i of an array of q.n positions of `size` and q.c channels lies. */
struct ss_pool_spot {
    int64_t n, at[3], j;
};
SS_DEVICE ss_pool_spot ss_pool_spot_at(const ss_pool &q, const int64_t size[3], int64_t i)
{
    ss_pool_spot p;
    const int64_t r = ss_split(i, q.c, &p.j);
    p.n = ss_place(r, size, p.at);
    return p;
}
/* Tap of the window of output (a, b, e) that lies over position x. */
SS_DEVICE int32_t ss_pool_tap(const ss_pool &q, const int64_t x[3], int64_t a, int64_t b, int64_t e)
{
    const int64_t kd = x[0] + q.pad[0] - a * q.step[0], kh = x[1] + q.pad[1] - b * q.step[1];
    return (int32_t)((kd * q.k[1] + kh) * q.k[2] + x[2] + q.pad[2] - e * q.step[2]);
}

/* Sizes of a pooling forward (attributes at 0) or of its gradient (at 1, x's grid in front). */
static inline ss_pool ss_pool_of(ss_call *c, int nd, bool grad)
{
    ss_pool q;
    int64_t shape[SS_MAX_DIM];
    const ss_view *v = &c->in[0];
    for (int i = 0; i < v->ndim; i++) shape[i] = v->shape[i];
    for (int i = 0; i < nd && grad; i++) shape[1 + i] = c->attr[0].v[i];
    ss_pool_attrs(c, &q, nd, grad ? 1 : 0);
    ss_pool_sizes(c, &q, v->ndim, shape);
    return q;
}

/* ---- largest ----------------------------------------------------------------------- */

/* The value and the tap that gave it; a NaN wins. */
SS_KERNEL(ss_max_pool)(ss_pool q, ss_view x, ss_view y, int32_t *which)
{
    SS_EACH (i, y.count) {
        const ss_pool_spot o = ss_pool_spot_at(q, q.y, i);
        const ss_pool_range d = ss_pool_window(&q, 0, o.at[0]), h = ss_pool_window(&q, 1, o.at[1]),
                            w = ss_pool_window(&q, 2, o.at[2]);
        float best = -INFINITY;
        int32_t tap = -1;
        for (int64_t a = d.from; a < d.to; a++)
            for (int64_t b = h.from; b < h.to; b++)
                for (int64_t e = w.from; e < w.to; e++) {
                    const int64_t at = ss_pool_row(o.n, q.x, a, b, e) * q.c + o.j,
                                  in[3] = {a, b, e};
                    const float v = ss_load(x.data, x.dtype, at);
                    if (!(v > best || v != v || tap < 0)) continue;
                    best = v;
                    tap = ss_pool_tap(q, in, o.at[0], o.at[1], o.at[2]);
                }
        ss_store(y.data, y.dtype, i, best);
        which[i] = tap;
    }
}

/* dy goes to the tap that won. */
SS_KERNEL(ss_max_pool_dx)(ss_pool q, ss_view dy, ss_view which, ss_view dx)
{
    SS_EACH (i, dx.count) {
        const ss_pool_spot p = ss_pool_spot_at(q, q.x, i);
        const ss_pool_range d = ss_pool_cover(&q, 0, p.at[0]), h = ss_pool_cover(&q, 1, p.at[1]),
                            w = ss_pool_cover(&q, 2, p.at[2]);
        float sum = 0;
        for (int64_t a = d.from; a < d.to; a++)
            for (int64_t b = h.from; b < h.to; b++)
                for (int64_t e = w.from; e < w.to; e++) {
                    const int64_t at = ss_pool_row(p.n, q.y, a, b, e) * q.c + p.j;
                    const int32_t won = ((const int32_t *)which.data)[at];
                    if (won == ss_pool_tap(q, p.at, a, b, e)) sum += ss_load(dy.data, dy.dtype, at);
                }
        ss_store(dx.data, dx.dtype, i, sum);
    }
}

/* ---- mean -------------------------------------------------------------------------- */

SS_KERNEL(ss_avg_pool)(ss_pool q, ss_view x, ss_view y, bool with_pad)
{
    SS_EACH (i, y.count) {
        const ss_pool_spot o = ss_pool_spot_at(q, q.y, i);
        const ss_pool_range d = ss_pool_window(&q, 0, o.at[0]), h = ss_pool_window(&q, 1, o.at[1]),
                            w = ss_pool_window(&q, 2, o.at[2]);
        float sum = 0;
        for (int64_t a = d.from; a < d.to; a++)
            for (int64_t b = h.from; b < h.to; b++)
                for (int64_t e = w.from; e < w.to; e++)
                    sum += ss_load(x.data, x.dtype, ss_pool_row(o.n, q.x, a, b, e) * q.c + o.j);
        ss_store(y.data, y.dtype, i, sum * ss_pool_share(&q, o.at, with_pad));
    }
}

SS_KERNEL(ss_avg_pool_dx)(ss_pool q, ss_view dy, ss_view dx, bool with_pad)
{
    SS_EACH (i, dx.count) {
        const ss_pool_spot p = ss_pool_spot_at(q, q.x, i);
        const ss_pool_range d = ss_pool_cover(&q, 0, p.at[0]), h = ss_pool_cover(&q, 1, p.at[1]),
                            w = ss_pool_cover(&q, 2, p.at[2]);
        float sum = 0;
        for (int64_t a = d.from; a < d.to; a++)
            for (int64_t b = h.from; b < h.to; b++)
                for (int64_t e = w.from; e < w.to; e++) {
                    const int64_t at = ss_pool_row(p.n, q.y, a, b, e) * q.c + p.j, o[3] = {a, b, e};
                    sum += ss_pool_share(&q, o, with_pad) * ss_load(dy.data, dy.dtype, at);
                }
        ss_store(dx.data, dx.dtype, i, sum);
    }
}
#endif
