/* avg_pool2d.c — mean of each window, channels last. */
#include "support/pool.h"

static ss_status of(ss_call *c, ss_pool *q)
{
    ss_status st = ss_pool_attrs(c, q, 2, 0);
    return st ? st : ss_pool_sizes(c, q, c->in[0].ndim, c->in[0].shape);
}

static ss_status infer(ss_call *c)
{
    ss_pool q;
    int64_t shape[SS_MAX_DIM];
    ss_status st = of(c, &q);
    return st ? st : ss_out(c, 0, c->in[0].dtype, ss_pool_shape(&q, false, shape), shape);
}

static ss_status cpu(ss_call *c)
{
    ss_pool q;
    ss_status st = of(c, &q);
    if (st) return st;
    const ss_view *x = &c->in[0], *y = &c->out[0];
    const bool with_pad = c->attr[3].v[0];
    SS_PARALLEL_FOR (r, q.n * ss_pool_count(q.y), q.c * ss_pool_count(q.k)) {
        int64_t o[3];
        const int64_t n = ss_pool_where(r, q.y, o);
        const ss_pool_range d = ss_pool_window(&q, 0, o[0]), h = ss_pool_window(&q, 1, o[1]),
                            w = ss_pool_window(&q, 2, o[2]);
        const float share = ss_pool_share(&q, o, with_pad);
        for (int64_t c0 = 0; c0 < q.c; c0 += SS_POOL_BLOCK) {
            float sum[SS_POOL_BLOCK] = {0}, tmp[SS_POOL_BLOCK];
            const int64_t count = ss_min64(SS_POOL_BLOCK, q.c - c0);
            for (int64_t a = d.from; a < d.to; a++)
                for (int64_t b = h.from; b < h.to; b++)
                    for (int64_t e = w.from; e < w.to; e++) {
                        const int64_t from = ss_pool_row(n, q.x, a, b, e) * q.c + c0;
                        const float *v = ss_pool_read(x->data, x->dtype, from, count, tmp);
                        for (int64_t i = 0; i < count; i++) sum[i] += v[i];
                    }
            for (int64_t i = 0; i < count; i++) sum[i] *= share;
            ss_pool_write(y->data, y->dtype, r * q.c + c0, count, sum);
        }
    }
    return SS_OK;
}

static void grad(ss_grad *g)
{
    const ss_attr size = ss_ints(2, g->in_view[0].shape + 1);
    ss_dx(g, 0,
          ss_g(g, "_avg_pool2d_dx", 1, (ss_tensor *[]){g->dy[0]}, 5,
               (ss_attr[]){size, g->attr[0], g->attr[1], g->attr[2], g->attr[3]}));
}

static double flops(const ss_call *c)
{
    ss_pool q;
    ss_call copy = *c;
    return of(&copy, &q) ? 0 : (double)c->out[0].count * (double)ss_pool_count(q.k);
}

const ss_op SS_OP(avg_pool2d) = {
    .name = "avg_pool2d",
    .sig = "x: float, kernel: int2, stride?: int2, pad: int2 = 0, "
           "count_include_pad: bool = false",
    .doc = "Mean of each window of x [n, h, w, c]; stride defaults to the kernel. Padding counts "
           "as zeros in the mean only when asked for.",
    .infer = infer,
    .cpu = cpu,
    .grad = grad,
    .flops = flops,
};
