/* resize.c — images and volumes to another grid, nearest neighbour, linear or cubic. */
#include "support/cuda_resize.h"
#include "support/resize_taps.h"

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0];
    const ss_attr *size = &c->attr[SS_RESIZE_SIZE];
    int64_t shape[SS_MAX_DIM];
    if (x->ndim != 4 && x->ndim != 5)
        return ss_fail(c, SS_E_SHAPE, "x must be [n, h, w, c] or [n, d, h, w, c], got %d axes",
                       x->ndim);
    if (size->n != x->ndim - 2)
        return ss_fail(c, SS_E_ARG, "size must have %d numbers, got %d", x->ndim - 2, size->n);
    if (c->attr[SS_RESIZE_MODE].v[0] != SS_RESIZE_NEAREST && !ss_is_float(x->dtype))
        return ss_fail(c, SS_E_DTYPE, "%s needs a float x, got %s; use nearest",
                       c->attr[SS_RESIZE_MODE].str, ss_dtype_name(x->dtype));
    if (c->attr[SS_RESIZE_ANTIALIAS].v[0] &&
        (c->attr[SS_RESIZE_MODE].v[0] == SS_RESIZE_NEAREST || c->attr[SS_RESIZE_CORNERS].v[0]))
        return ss_fail(c, SS_E_ARG, "antialias goes with linear or cubic, without align_corners");
    memcpy(shape, x->shape, sizeof shape);
    for (int i = 0; i < size->n; i++) {
        if (size->v[i] < 1 || size->v[i] > INT32_MAX)
            return ss_fail(c, SS_E_ARG, "size must be positive, got %lld at %d",
                           (long long)size->v[i], i + 1);
        if (x->shape[i + 1] < 1)
            return ss_fail(c, SS_E_SHAPE, "x has no positions along axis %d", i + 2);
        shape[i + 1] = size->v[i];
    }
    return ss_out(c, 0, x->dtype, x->ndim, shape);
}

static size_t table_bytes(const ss_call *c)
{
    ss_taps_geo g;
    return ss_taps_wanted(c->attr) ? ss_taps_tables(&g, &c->in[0], &c->out[0], c->attr, NULL)
                                   : ss_resize_bytes(&c->in[0], &c->out[0]);
}

/* Tables, then unless nearest an input and an output row of every thread as f32. */
static ss_status plan(ss_call *c)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    const int64_t rows = (x->shape[x->ndim - 2] + y->shape[x->ndim - 2]) * x->shape[x->ndim - 1];
    c->scratch_bytes = table_bytes(c);
    if (c->attr[SS_RESIZE_MODE].v[0] != SS_RESIZE_NEAREST)
        c->scratch_bytes += (size_t)(omp_get_max_threads() * rows) * 4;
    return SS_OK;
}

static ss_status plan_cuda(ss_call *c)
{
    c->scratch_bytes = ss_resize_plan_of(&c->in[0], &c->out[0], c->attr, NULL).bytes;
    return SS_OK;
}

/* Constant sizes, so that the copy is a few instructions. */
static inline void copy_voxel(char *to, const char *from, size_t bytes)
{
    switch (bytes) {
    case 1:
        *to = *from;
        break;
    case 2:
        memcpy(to, from, 2);
        break;
    case 4:
        memcpy(to, from, 4);
        break;
    case 8:
        memcpy(to, from, 8);
        break;
    case 32:
        memcpy(to, from, 32);
        break;
    case 64:
        memcpy(to, from, 64);
        break;
    case 128:
        memcpy(to, from, 128);
        break;
    default:
        memcpy(to, from, bytes);
    }
}

/* All output rows of one (sample, output plane): a row that reads the same input row as the one
 * before it is copied from there. */
static void nearest_plane(const ss_resize_geo *g, const char *x, char *y, int64_t i, size_t voxel)
{
    const ss_resize_axis *d = &g->a[0], *h = &g->a[1], *w = &g->a[2];
    const int64_t n = i / d->out, od = i % d->out;
    const size_t in_row = (size_t)w->in * voxel, out_row = (size_t)w->out * voxel;
    for (int64_t oh = 0; oh < h->out; oh++) {
        const char *from = x + ((n * d->in + d->i0[od]) * h->in + h->i0[oh]) * (int64_t)in_row;
        char *to = y + (i * h->out + oh) * (int64_t)out_row;
        if (oh > 0 && h->i0[oh] == h->i0[oh - 1]) {
            memcpy(to, to - out_row, out_row);
            continue;
        }
        for (int64_t o = 0; o < w->out; o++)
            copy_voxel(to + (size_t)o * voxel, from + (size_t)w->i0[o] * voxel, voxel);
    }
}

enum { SEGMENT = 2048 };

/* Weighted rows summed: out[j] = sum_k f[k] * x[at[k] + j], skipping zero weights. */
static void blend(const ss_view *x, const int64_t *at, const float *f, int64_t n, float *out)
{
    float buf[SEGMENT];
    for (int64_t j0 = 0; j0 < n; j0 += SEGMENT) {
        const int64_t m = ss_min64(SEGMENT, n - j0);
        bool first = true;
        for (int k = 0; k < 4; k++) {
            if (f[k] == 0 && !(k == 3 && first)) continue;
            const float *v = ss_block_in(x, at[k] + j0, m, buf), s = f[k];
            if (first)
                for (int64_t j = 0; j < m; j++) out[j0 + j] = s * v[j];
            else
                for (int64_t j = 0; j < m; j++) out[j0 + j] += s * v[j];
            first = false;
        }
    }
}

/* Along the row: out[o] = row[i0] (1 - w) + row[i1] w. */
static void stretch(const float *restrict row, const ss_resize_axis *w, int64_t c,
                    float *restrict out)
{
    if (c == 1) {
        for (int64_t o = 0; o < w->out; o++)
            out[o] = row[w->i0[o]] * (1 - w->w[o]) + row[w->i1[o]] * w->w[o];
        return;
    }
    for (int64_t o = 0; o < w->out; o++) {
        const float *a = row + w->i0[o] * c, *b = row + w->i1[o] * c, t = w->w[o];
        for (int64_t j = 0; j < c; j++) out[o * c + j] = a[j] * (1 - t) + b[j] * t;
    }
}

/* One output row; `memory` holds an input row and an output row as f32. */
static void linear_row(const ss_call *c, const ss_resize_geo *g, int64_t i, float *memory)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    const ss_resize_axis *d = &g->a[0], *h = &g->a[1], *w = &g->a[2];
    const int64_t oh = i % h->out, od = i / h->out % d->out, n = i / h->out / d->out;
    const int64_t in_row = w->in * g->c, id[2] = {d->i0[od], d->i1[od]};
    const int64_t ih[2] = {h->i0[oh], h->i1[oh]}, to = i * w->out * g->c;
    const float fd[2] = {1 - d->w[od], d->w[od]}, fh[2] = {1 - h->w[oh], h->w[oh]};
    int64_t at[4];
    float f[4];
    for (int k = 0; k < 4; k++) {
        at[k] = ((n * d->in + id[k / 2]) * h->in + ih[k % 2]) * in_row;
        f[k] = fd[k / 2] * fh[k % 2];
    }
    blend(x, at, f, in_row, memory);
    float *out = ss_block_out(y, to, memory + in_row);
    stretch(memory, w, g->c, out);
    ss_block_done(y, to, w->out * g->c, out);
}

/* Row `at` times f, written or added to out. */
static void add_row(const ss_view *x, int64_t at, float f, int64_t n, bool first, float *out)
{
    float buf[SEGMENT];
    for (int64_t j0 = 0; j0 < n; j0 += SEGMENT) {
        const int64_t m = ss_min64(SEGMENT, n - j0);
        const float *v = ss_block_in(x, at + j0, m, buf);
        if (first)
            for (int64_t j = 0; j < m; j++) out[j0 + j] = f * v[j];
        else
            for (int64_t j = 0; j < m; j++) out[j0 + j] += f * v[j];
    }
}

/* As linear_row, for filters. */
static void taps_row(const ss_call *c, const ss_taps_geo *g, int64_t i, float *memory)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    const ss_taps *d = &g->a[0], *h = &g->a[1], *w = &g->a[2];
    const int64_t oh = i % h->out, od = i / h->out % d->out, n = i / h->out / d->out;
    const int64_t in_row = w->in * g->c, to = i * w->out * g->c;
    for (int64_t kd = 0; kd < d->count[od]; kd++)
        for (int64_t kh = 0; kh < h->count[oh]; kh++) {
            const int64_t id = d->first[od] + kd, ih = h->first[oh] + kh;
            add_row(x, ((n * d->in + id) * h->in + ih) * in_row,
                    d->w[od * d->most + kd] * h->w[oh * h->most + kh], in_row, kd + kh == 0,
                    memory);
        }
    float *out = ss_block_out(y, to, memory + in_row);
    for (int64_t o = 0; o < w->out; o++) {
        const float *from = memory + w->first[o] * g->c, *f = w->w + o * w->most;
        for (int64_t j = 0; j < g->c; j++) out[o * g->c + j] = f[0] * from[j];
        for (int64_t k = 1; k < w->count[o]; k++)
            for (int64_t j = 0; j < g->c; j++) out[o * g->c + j] += f[k] * from[k * g->c + j];
    }
    ss_block_done(y, to, w->out * g->c, out);
}

static void taps(ss_call *c)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    ss_taps_geo g;
    const size_t bytes = ss_taps_tables(&g, x, y, c->attr, c->scratch);
    const int64_t rows = (g.a[2].in + g.a[2].out) * g.c;
    float *memory = (float *)((char *)c->scratch + bytes);
    SS_PARALLEL_FOR (i, g.n * g.a[0].out * g.a[1].out, rows)
        taps_row(c, &g, i, memory + omp_get_thread_num() * rows);
}

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    if (y->count == 0) return SS_OK;
    if (ss_taps_wanted(c->attr)) {
        taps(c);
        return SS_OK;
    }
    ss_resize_geo g = ss_resize_tables(x, y, c->attr, c->scratch);
    const ss_resize_axis *d = &g.a[0], *h = &g.a[1], *w = &g.a[2];
    if (c->attr[SS_RESIZE_MODE].v[0] == SS_RESIZE_NEAREST) {
        const size_t voxel = (size_t)g.c * ss_dtype_bytes(x->dtype);
        SS_PARALLEL_FOR (i, g.n * d->out, h->out * w->out * g.c)
            nearest_plane(&g, (const char *)x->data, (char *)y->data, i, voxel);
        return SS_OK;
    }
    const int64_t rows = (w->in + w->out) * g.c;
    float *memory = (float *)((char *)c->scratch + ss_resize_bytes(x, y));
    SS_PARALLEL_FOR (i, g.n * d->out * h->out, rows)
        linear_row(c, &g, i, memory + omp_get_thread_num() * rows);
    return SS_OK;
}

static void grad(ss_grad *g)
{
    const ss_view *x = &g->in_view[0];
    ss_attr attr[4] = {ss_ints(x->ndim - 2, x->shape + 1), g->attr[SS_RESIZE_MODE],
                       g->attr[SS_RESIZE_CORNERS], g->attr[SS_RESIZE_ANTIALIAS]};
    ss_dx(g, 0, ss_g(g, "_resize_dx", 1, g->dy, 4, attr));
}

const ss_op SS_OP(resize) = {
    .name = "resize",
    .sig = "x: any, " SS_RESIZE_ATTRS,
    .doc = "Resample `x` [n, h, w, c] or [n, d, h, w, c] to the grid `size`. linear reads at "
           "max(0, (o + 0.5) in / out - 0.5), or with `align_corners` at o (in - 1) / (out - 1); "
           "cubic likewise, not stopped at 0, from four neighbours (a = -0.75, edges repeated); "
           "nearest takes floor(o in / out). `antialias` widens the kernel of linear or cubic "
           "(then a = -0.5) by in / out where an axis shrinks, cuts it at the edges and normalises "
           "it, as torch and Pillow do.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .grad = grad,
};
