/* max_pool3d.c — largest value of each window, channels last. */
#include "support/pool.h"

static ss_status of(ss_call *c, ss_pool *q)
{
    ss_status st = ss_pool_attrs(c, q, 3, 0);
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
                const float *v = ss_pool_read(
                    x->data, x->dtype, ss_pool_row(n, q->x, a, b, e) * q->c + c0, count, tmp);
                const int64_t kd = a + q->pad[0] - o[0] * q->step[0],
                              kh = b + q->pad[1] - o[1] * q->step[1],
                              kw = e + q->pad[2] - o[2] * q->step[2];
                const int32_t tap = (int32_t)((kd * q->k[1] + kh) * q->k[2] + kw);
                ss_pool_contend(v, count, tap, best, which);
            }
}

/* Tap e of a whole row of outputs: at stride 1 a shifted row of x, else every so many positions. */
static void tap_row(const ss_pool *q, const float *x, int64_t e, int32_t tap, float *best,
                    int32_t *which)
{
    const int64_t c = q->c, shift = e - q->pad[2];
    const int64_t from = shift < 0 ? ss_ceil_div(-shift, q->step[2]) : 0;
    const int64_t to =
        shift < q->x[2] ? ss_min64(q->y[2], (q->x[2] - 1 - shift) / q->step[2] + 1) : 0;
    if (q->step[2] == 1 && from < to) {
        ss_pool_contend(x + (from + shift) * c, (to - from) * c, tap, best + from * c,
                        which + from * c);
        return;
    }
    for (int64_t o = from; o < to; o++)
        ss_pool_contend(x + (o * q->step[2] + shift) * c, c, tap, best + o * c, which + o * c);
}

/* A whole row of outputs along w in f32. */
static void row(const ss_pool *q, const float *x, int64_t r, float *best, int32_t *which)
{
    const int64_t oh = r % q->y[1], od = r / q->y[1] % q->y[0], n = r / (q->y[1] * q->y[0]);
    const ss_pool_range d = ss_pool_window(q, 0, od), h = ss_pool_window(q, 1, oh);
    for (int64_t o = 0; o < q->y[2]; o++) {
        const int32_t start = ss_pool_first_tap(q, (int64_t[]){od, oh, o});
        for (int64_t i = o * q->c; i < (o + 1) * q->c; i++) best[i] = -INFINITY, which[i] = start;
    }
    for (int64_t a = d.from; a < d.to; a++)
        for (int64_t b = h.from; b < h.to; b++)
            for (int64_t e = 0; e < q->k[2]; e++) {
                const int64_t kd = a + q->pad[0] - od * q->step[0],
                              kh = b + q->pad[1] - oh * q->step[1];
                tap_row(q, x + ss_pool_row(n, q->x, a, b, 0) * q->c, e,
                        (int32_t)((kd * q->k[1] + kh) * q->k[2] + e), best, which);
            }
}

static ss_status cpu(ss_call *c)
{
    ss_pool q;
    ss_status st = of(c, &q);
    if (st) return st;
    const ss_view *x = &c->in[0], *y = &c->out[0];
    int32_t *index = c->out[1].data;
    if (x->dtype == SS_F32) {
        const int64_t length = q.y[2] * q.c;
        SS_PARALLEL_FOR (r, q.n * q.y[0] * q.y[1], length * ss_pool_count(q.k))
            row(&q, x->data, r, (float *)y->data + r * length, index + r * length);
        return SS_OK;
    }
    SS_PARALLEL_FOR (r, q.n * ss_pool_count(q.y), q.c * ss_pool_count(q.k)) {
        int64_t o[3];
        const int64_t n = ss_pool_where(r, q.y, o);
        for (int64_t c0 = 0; c0 < q.c; c0 += SS_POOL_BLOCK) {
            float best[SS_POOL_BLOCK];
            const int64_t count = ss_min64(SS_POOL_BLOCK, q.c - c0);
            point(&q, x, n, o, c0, count, best, index + r * q.c + c0);
            ss_pool_write(y->data, y->dtype, r * q.c + c0, count, best);
        }
    }
    return SS_OK;
}

static void grad(ss_grad *g)
{
    const ss_attr size = ss_ints(3, g->in_view[0].shape + 1);
    ss_dx(g, 0,
          ss_g(g, "_max_pool3d_dx", 2, (ss_tensor *[]){g->dy[0], g->out[1]}, 4,
               (ss_attr[]){size, g->attr[0], g->attr[1], g->attr[2]}));
}

static double flops(const ss_call *c)
{
    ss_pool q;
    ss_call copy = *c;
    return of(&copy, &q) ? 0 : (double)c->out[0].count * (double)ss_pool_count(q.k);
}

const ss_op SS_OP(max_pool3d) = {
    .name = "max_pool3d",
    .sig = "x: float, kernel: int3, stride?: int3, pad: int3 = 0",
    .doc = "Largest value of each window of x [n, d, h, w, c]; stride defaults to the kernel, "
           "padding never wins.",
    .infer = infer,
    .cpu = cpu,
    .grad = grad,
    .flops = flops,
    .saves = SS_SAVE_OUT(1),
    .nout = 2,
    .hidden = 1,
};
