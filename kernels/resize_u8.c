/* resize_u8.c — 8-bit images to another size in Pillow's bicubic arithmetic, bit for bit. */
#include "support/resize_u8.h"
#include "cpu.h"

typedef ss_u8_axis axis;

/* Fills the tables at `memory`; returns what follows them. */
static void *tabulate(axis *a, void *memory)
{
    void *rest = ss_u8_axis_at(a, memory);
    if (a->most)
        for (int64_t o = 0; o < a->out; o++) ss_u8_weigh(a, o);
    return rest;
}

static void along_row(const axis *w, const uint8_t *x, int64_t c, uint8_t *y)
{
    for (int64_t o = 0; o < w->out; o++)
        for (int64_t j = 0; j < c; j++) {
            const uint8_t *p = x + w->first[o] * c + j;
            const int32_t *k = w->weight + o * w->most;
            int32_t sum = 1 << (SS_U8_BITS - 1);
            for (int64_t t = 0; t < w->count[o]; t++) sum += k[t] * p[t * c];
            y[o * c + j] = ss_u8_clip(sum);
        }
}

enum { SEGMENT = 1024 };

/* Output row o from the rows of x, `n` bytes each. */
static void across_rows(const axis *h, const uint8_t *x, int64_t n, int64_t o, uint8_t *y)
{
    int32_t sum[SEGMENT];
    for (int64_t at = 0; at < n; at += SEGMENT) {
        const int64_t m = ss_min64(SEGMENT, n - at);
        for (int64_t j = 0; j < m; j++) sum[j] = 1 << (SS_U8_BITS - 1);
        for (int64_t t = 0; t < h->count[o]; t++) {
            const int32_t k = h->weight[o * h->most + t];
            const uint8_t *row = x + (h->first[o] + t) * n + at;
            for (int64_t j = 0; j < m; j++) sum[j] += k * row[j];
        }
        for (int64_t j = 0; j < m; j++) y[at + j] = ss_u8_clip(sum[j]);
    }
}

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0];
    if (x->dtype != SS_U8)
        return ss_fail(c, SS_E_DTYPE, "x must be u8, got %s", ss_dtype_name(x->dtype));
    if (x->ndim != 4) return ss_fail(c, SS_E_SHAPE, "x must be [n, h, w, c], got %d axes", x->ndim);
    for (int i = 0; i < 2; i++) {
        const int64_t out = c->attr[0].v[i];
        if (out < 1 || out > INT32_MAX)
            return ss_fail(c, SS_E_ARG, "size must be positive, got %lld", (long long)out);
        if (x->shape[i + 1] < 1 || x->shape[i + 1] > INT32_MAX)
            return ss_fail(c, SS_E_SHAPE, "x has no positions along axis %d", i + 2);
    }
    return ss_out(c, 0, SS_U8, 4,
                  (int64_t[]){x->shape[0], c->attr[0].v[0], c->attr[0].v[1], x->shape[3]});
}

/* The tables, then one image after the horizontal pass. */
static ss_status plan(ss_call *c)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    const axis h = ss_u8_axis_of(x->shape[1], y->shape[1]),
               w = ss_u8_axis_of(x->shape[2], y->shape[2]);
    c->scratch_bytes =
        ss_u8_axis_bytes(&h) + ss_u8_axis_bytes(&w) + (size_t)(h.in * w.out * x->shape[3]);
    return SS_OK;
}

static void one_image(const axis *h, const axis *w, const uint8_t *x, int64_t c, uint8_t *middle,
                      uint8_t *y)
{
    const int64_t in_row = w->in * c, out_row = w->out * c;
    if (h->most == 0 && w->most == 0) {
        memcpy(y, x, (size_t)(h->in * in_row));
        return;
    }
    uint8_t *wide = h->most ? middle : y;
    if (w->most)
        SS_PARALLEL_FOR (i, h->in, out_row) along_row(w, x + i * in_row, c, wide + i * out_row);
    const uint8_t *from = w->most ? wide : x;
    if (h->most)
        SS_PARALLEL_FOR (o, h->out, out_row) across_rows(h, from, out_row, o, y + o * out_row);
}

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    axis h = ss_u8_axis_of(x->shape[1], y->shape[1]), w = ss_u8_axis_of(x->shape[2], y->shape[2]);
    const int64_t in = h.in * w.in * x->shape[3], out = h.out * w.out * x->shape[3];
    if (y->count == 0) return SS_OK;
    uint8_t *middle = tabulate(&w, tabulate(&h, c->scratch));
    for (int64_t n = 0; n < x->shape[0] && !ss_cancelled(c); n++)
        one_image(&h, &w, (const uint8_t *)x->data + n * in, x->shape[3], middle,
                  (uint8_t *)y->data + n * out);
    return ss_cancelled(c) ? SS_E_CANCEL : SS_OK;
}

const ss_op SS_OP(resize_u8) = {
    .name = "resize_u8",
    .sig = "x: integer, size: int2",
    .doc = "8-bit images `x` [n, h, w, c] at another `size` {h, w}, as Pillow's Image.resize with "
           "its default filter gives them, bit for bit: cubic convolution (Keys 1981, a = -1/2), "
           "stretched by in / out when shrinking so that nothing aliases, weights of 22 fractional "
           "bits, rows first and rounded to 8 bits before the columns.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
