/* max_pool2d.c — largest value of each window, channels last. */
#include "support/block.h"
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
    if (st) return st;
    const int n = ss_pool_shape(&q, false, shape);
    st = ss_out(c, 0, c->in[0].dtype, n, shape);
    return st ? st : ss_out(c, 1, SS_I32, n, shape);
}

/* One output position, one block of channels: the value and the tap that gave it. A NaN wins. */
static void point(const ss_pool *q, const ss_view *x, int64_t n, const int64_t o[3], int64_t c0,
                  int64_t count, float *best, int32_t *which)
{
    const ss_pool_range d = ss_pool_window(q, 0, o[0]), h = ss_pool_window(q, 1, o[1]),
                        w = ss_pool_window(q, 2, o[2]);
    float tmp[SS_POOL_BLOCK];
    const int32_t start = ss_pool_first_tap(q, o);
    for (int64_t i = 0; i < count; i++) best[i] = -INFINITY, which[i] = start;
    for (int64_t a = d.from; a < d.to; a++)
        for (int64_t b = h.from; b < h.to; b++)
            for (int64_t e = w.from; e < w.to; e++) {
                const int64_t at = ss_pool_row(n, q->x, a, b, e) * q->c + c0;
                const int64_t kd = a + q->pad[0] - o[0] * q->step[0],
                              kh = b + q->pad[1] - o[1] * q->step[1],
                              kw = e + q->pad[2] - o[2] * q->step[2];
                const int32_t tap = (int32_t)((kd * q->k[1] + kh) * q->k[2] + kw);
                ss_pool_contend(ss_block_in(x, at, count, tmp), count, tap, best, which);
            }
}

static ss_status cpu(ss_call *c)
{
    ss_pool q;
    ss_status st = of(c, &q);
    if (st) return st;
    const ss_view *x = &c->in[0], *y = &c->out[0];
    int32_t *index = c->out[1].data;
    SS_PARALLEL_FOR (r, q.n * ss_pool_count(q.y), q.c * ss_pool_count(q.k)) {
        int64_t o[3];
        const int64_t n = ss_pool_where(r, q.y, o);
        for (int64_t c0 = 0; c0 < q.c; c0 += SS_POOL_BLOCK) {
            float buf[SS_POOL_BLOCK];
            const int64_t count = ss_min64(SS_POOL_BLOCK, q.c - c0), at = r * q.c + c0;
            float *best = ss_block_out(y, at, buf);
            point(&q, x, n, o, c0, count, best, index + at);
            ss_block_done(y, at, count, best);
        }
    }
    return SS_OK;
}

static void grad(ss_grad *g)
{
    const ss_attr size = ss_ints(2, g->in_view[0].shape + 1);
    ss_dx(g, 0,
          ss_g(g, "_max_pool2d_dx", 2, (ss_tensor *[]){g->dy[0], g->out[1]}, 4,
               (ss_attr[]){size, g->attr[0], g->attr[1], g->attr[2]}));
}

static double flops(const ss_call *c)
{
    ss_pool q;
    ss_call copy = *c;
    return of(&copy, &q) ? 0 : (double)c->out[0].count * (double)ss_pool_count(q.k);
}

const ss_op SS_OP(max_pool2d) = {
    .name = "max_pool2d",
    .sig = "x: float, kernel: int2, stride?: int2, pad: int2 = 0",
    .doc = "Largest value of each window of x [n, h, w, c]; stride defaults to the kernel, "
           "padding never wins.",
    .infer = infer,
    .cpu = cpu,
    .grad = grad,
    .flops = flops,
    .saves = SS_SAVE_OUT(1),
    .nout = 2,
    .hidden = 1,
};
