/* resize_u8.c — 8-bit images to another size in Pillow's bicubic arithmetic, bit for bit. */
#include "cpu.h"

enum { BITS = 22 }; /* fraction of the fixed-point weights */

/* Output o of an axis is the sum over k < count[o] of weight[o * most + k] * in[first[o] + k]. */
typedef struct axis {
    int64_t in, out, most; /* `most`: weights kept for one output */
    int32_t *first, *count, *weight;
} axis;

static double scale_of(const axis *a)
{
    return (double)a->in / (double)a->out;
}

static double support_of(const axis *a)
{
    return 2 * fmax(1, scale_of(a));
}

static axis axis_of(int64_t in, int64_t out)
{
    axis a = {.in = in, .out = out};
    a.most = in == out ? 0 : 2 * (int64_t)ceil(support_of(&a)) + 1;
    return a;
}

static size_t axis_bytes(const axis *a)
{
    return (size_t)(a->out * (a->most + 2)) * sizeof(int32_t);
}

/* Keys' cubic convolution with a = -1/2. */
static double cubic(double t)
{
    t = fabs(t);
    if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
    if (t < 2) return ((t - 5) * t + 8) * t * -0.5 - 4 * -0.5;
    return 0;
}

/* Weights of output o, normalised in double and rounded half away from zero. */
static void weigh(const axis *a, int64_t o)
{
    const double scale = scale_of(a), support = support_of(a), centre = ((double)o + 0.5) * scale;
    const double squeeze = 1 / fmax(1, scale);
    const int64_t lo = ss_max64((int64_t)(centre - support + 0.5), 0);
    const int64_t hi = ss_min64((int64_t)(centre + support + 0.5), a->in);
    int32_t *w = a->weight + o * a->most;
    double sum = 0;
    for (int64_t j = lo; j < hi; j++) sum += cubic(((double)j - centre + 0.5) * squeeze);
    for (int64_t j = lo; j < hi; j++) {
        double v = cubic(((double)j - centre + 0.5) * squeeze);
        if (sum != 0) v /= sum;
        w[j - lo] = (int32_t)(v * (1 << BITS) + (v < 0 ? -0.5 : 0.5));
    }
    a->first[o] = (int32_t)lo;
    a->count[o] = (int32_t)(hi - lo);
}

/* Fills the tables at `memory`; returns what follows them. */
static void *tabulate(axis *a, void *memory)
{
    a->first = memory;
    a->count = a->first + a->out;
    a->weight = a->count + a->out;
    if (a->most)
        for (int64_t o = 0; o < a->out; o++) weigh(a, o);
    return a->weight + a->out * a->most;
}

static inline uint8_t clip8(int32_t sum)
{
    const int32_t v = sum >> BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void along_row(const axis *w, const uint8_t *x, int64_t c, uint8_t *y)
{
    for (int64_t o = 0; o < w->out; o++)
        for (int64_t j = 0; j < c; j++) {
            const uint8_t *p = x + w->first[o] * c + j;
            const int32_t *k = w->weight + o * w->most;
            int32_t sum = 1 << (BITS - 1);
            for (int64_t t = 0; t < w->count[o]; t++) sum += k[t] * p[t * c];
            y[o * c + j] = clip8(sum);
        }
}

enum { SEGMENT = 1024 };

/* Output row o from the rows of x, `n` bytes each. */
static void across_rows(const axis *h, const uint8_t *x, int64_t n, int64_t o, uint8_t *y)
{
    int32_t sum[SEGMENT];
    for (int64_t at = 0; at < n; at += SEGMENT) {
        const int64_t m = ss_min64(SEGMENT, n - at);
        for (int64_t j = 0; j < m; j++) sum[j] = 1 << (BITS - 1);
        for (int64_t t = 0; t < h->count[o]; t++) {
            const int32_t k = h->weight[o * h->most + t];
            const uint8_t *row = x + (h->first[o] + t) * n + at;
            for (int64_t j = 0; j < m; j++) sum[j] += k * row[j];
        }
        for (int64_t j = 0; j < m; j++) y[at + j] = clip8(sum[j]);
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
    const axis h = axis_of(x->shape[1], y->shape[1]), w = axis_of(x->shape[2], y->shape[2]);
    c->scratch_bytes = axis_bytes(&h) + axis_bytes(&w) + (size_t)(h.in * w.out * x->shape[3]);
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
    axis h = axis_of(x->shape[1], y->shape[1]), w = axis_of(x->shape[2], y->shape[2]);
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
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
