/* _resize_dx.c — gradient of resize: every input position gathers from the outputs that read it,
 * so that nothing is added by two threads. */
#include "support/cuda_resize.h"
#include "support/resize_taps.h"

/* attr: size here is the grid of the input of resize, [h, w] or [d, h, w]. */
static ss_status infer(ss_call *c)
{
    const ss_view *dy = &c->in[0];
    const ss_attr *size = &c->attr[SS_RESIZE_SIZE];
    int64_t shape[SS_MAX_DIM];
    if ((dy->ndim != 4 && dy->ndim != 5) || size->n != dy->ndim - 2)
        return ss_fail(c, SS_E_SHAPE,
                       "dy must be [n, h, w, c] or [n, d, h, w, c] and size its "
                       "grid, got %d axes and %d sizes",
                       dy->ndim, size->n);
    memcpy(shape, dy->shape, sizeof shape);
    for (int i = 0; i < size->n; i++) shape[i + 1] = size->v[i];
    return ss_out(c, 0, dy->dtype, dy->ndim, shape);
}

static int64_t memory_of(const ss_view *dx, const ss_view *dy)
{
    return (dx->shape[dx->ndim - 2] + 2 * dy->shape[dx->ndim - 2]) * dx->shape[dx->ndim - 1];
}

static ss_status plan(ss_call *c)
{
    const ss_view *dy = &c->in[0], *dx = &c->out[0];
    ss_taps_geo g;
    const size_t tables = ss_taps_wanted(c->attr) ? ss_taps_tables(&g, dx, dy, c->attr, NULL)
                                                  : ss_resize_bytes(dx, dy);
    c->scratch_bytes = tables + (size_t)(omp_get_max_threads() * memory_of(dx, dy)) * 4;
    return SS_OK;
}

static ss_status plan_cuda(ss_call *c)
{
    c->scratch_bytes = ss_resize_plan_of(&c->out[0], &c->in[0], c->attr, NULL).bytes;
    return SS_OK;
}

/* How much output o of an axis reads of input i. */
static inline float share(const ss_resize_axis *a, int64_t o, int64_t i)
{
    return (a->i0[o] == i ? 1 - a->w[o] : 0) + (a->i1[o] == i ? a->w[o] : 0);
}

/* sum[w_out * c] = rows of dy that read input row (id, ih), weighted. Returns false if none do. */
static bool gather_rows(const ss_view *dy, const ss_resize_geo *g, int64_t n, int64_t id,
                        int64_t ih, float *restrict sum, float *buf)
{
    const ss_resize_axis *d = &g->a[0], *h = &g->a[1], *w = &g->a[2];
    const int64_t row = w->out * g->c;
    bool any = false;
    for (int64_t od = d->lo[id]; od < d->hi[id]; od++)
        for (int64_t oh = h->lo[ih]; oh < h->hi[ih]; oh++) {
            const float f = share(d, od, id) * share(h, oh, ih);
            if (f == 0) continue;
            const float *v = ss_block_in(dy, ((n * d->out + od) * h->out + oh) * row, row, buf);
            if (any)
                for (int64_t j = 0; j < row; j++) sum[j] += f * v[j];
            else
                for (int64_t j = 0; j < row; j++) sum[j] = f * v[j];
            any = true;
        }
    return any;
}

/* Doubling by nearest: pairs of positions are added. */
static void fold_pairs(const float *restrict sum, int64_t in, int64_t c, float *restrict out)
{
    for (int64_t i = 0; i < in; i++)
        for (int64_t j = 0; j < c; j++)
            out[i * c + j] = sum[2 * i * c + j] + sum[(2 * i + 1) * c + j];
}

static void fold(const float *restrict sum, const ss_resize_axis *w, int64_t c, float *restrict out)
{
    for (int64_t i = 0; i < w->in; i++) {
        float *to = out + i * c;
        for (int64_t j = 0; j < c; j++) to[j] = 0;
        for (int64_t o = w->lo[i]; o < w->hi[i]; o++) {
            const float f = share(w, o, i);
            if (f == 0) continue;
            for (int64_t j = 0; j < c; j++) to[j] += f * sum[o * c + j];
        }
    }
}

/* Row i of dx, counted over samples, planes and rows. sum and buf hold a row of dy. */
static void taps_row(const ss_view *dy, const ss_view *dx, const ss_taps_geo *g, int64_t i,
                     float *restrict sum, float *buf)
{
    const ss_taps *d = &g->a[0], *h = &g->a[1], *w = &g->a[2];
    const int64_t ih = i % h->in, id = i / h->in % d->in, n = i / h->in / d->in, c = g->c;
    const int64_t row = w->out * c;
    memset(sum, 0, (size_t)row * 4);
    for (int64_t od = d->lo[id]; od < d->hi[id]; od++)
        for (int64_t oh = h->lo[ih]; oh < h->hi[ih]; oh++) {
            const float f = ss_taps_share(d, od, id) * ss_taps_share(h, oh, ih);
            const float *v = ss_block_in(dy, ((n * d->out + od) * h->out + oh) * row, row, buf);
            for (int64_t j = 0; j < row; j++) sum[j] += f * v[j];
        }
    float *out = ss_block_out(dx, i * w->in * c, buf + row);
    memset(out, 0, (size_t)(w->in * c) * 4);
    for (int64_t iw = 0; iw < w->in; iw++)
        for (int64_t o = w->lo[iw]; o < w->hi[iw]; o++) {
            const float f = ss_taps_share(w, o, iw);
            for (int64_t j = 0; j < c; j++) out[iw * c + j] += f * sum[o * c + j];
        }
    ss_block_done(dx, i * w->in * c, w->in * c, out);
}

static void taps(ss_call *c)
{
    const ss_view *dy = &c->in[0], *dx = &c->out[0];
    ss_taps_geo g;
    const size_t bytes = ss_taps_tables(&g, dx, dy, c->attr, c->scratch);
    const int64_t rows = memory_of(dx, dy), all = g.n * g.a[0].in * g.a[1].in;
    float *memory = (float *)((char *)c->scratch + bytes);
    SS_PARALLEL_FOR (i, all, dy->count / all) {
        float *sum = memory + omp_get_thread_num() * rows;
        taps_row(dy, dx, &g, i, sum, sum + g.a[2].out * g.c);
    }
}

static ss_status cpu(ss_call *c)
{
    const ss_view *dy = &c->in[0], *dx = &c->out[0];
    if (dx->count == 0) return SS_OK;
    if (ss_taps_wanted(c->attr)) {
        taps(c);
        return SS_OK;
    }
    ss_resize_geo g = ss_resize_tables(dx, dy, c->attr, c->scratch);
    const ss_resize_axis *d = &g.a[0], *h = &g.a[1], *w = &g.a[2];
    const int64_t rows = memory_of(dx, dy), in_row = w->in * g.c;
    const bool pairs = c->attr[SS_RESIZE_MODE].v[0] == SS_RESIZE_NEAREST && w->out == 2 * w->in;
    float *memory = (float *)((char *)c->scratch + ss_resize_bytes(dx, dy));
    SS_PARALLEL_FOR (i, g.n * d->in * h->in, dy->count / (g.n * d->in * h->in)) {
        float *sum = memory + omp_get_thread_num() * rows, *buf = sum + w->out * g.c;
        float *out = ss_block_out(dx, i * in_row, buf + w->out * g.c);
        if (!gather_rows(dy, &g, i / h->in / d->in, i / h->in % d->in, i % h->in, sum, buf))
            memset(sum, 0, (size_t)(w->out * g.c) * 4);
        if (pairs)
            fold_pairs(sum, w->in, g.c, out);
        else
            fold(sum, w, g.c, out);
        ss_block_done(dx, i * in_row, in_row, out);
    }
    return SS_OK;
}

const ss_op SS_OP(_resize_dx) = {
    .name = "_resize_dx",
    .sig = "dy: float, " SS_RESIZE_ATTRS,
    .doc = "Gradient of resize; `size` is the grid of its input.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
