/* index_select.c — whole slices picked along an axis. */
#include "support/index.h"

static ss_status infer(ss_call *c)
{
    ss_view y = c->in[0];
    if (c->in[1].ndim != 1)
        return ss_fail(c, SS_E_SHAPE, "index has %d axes, one is expected", c->in[1].ndim);
    y.shape[c->attr[0].v[0]] = c->in[1].shape[0];
    return ss_out(c, 0, y.dtype, y.ndim, y.shape);
}

/* Runs of N to 2 N bytes as two pieces, which may overlap: without a call for each. */
#define SHORT_RUNS(N)                                                                              \
    for (int64_t i = 0; i < n; i++) {                                                              \
        const char *s = from + ss_index_at(index, first + i) * run;                                \
        memcpy(to + i * run, s, N);                                                                \
        memcpy(to + (i + 1) * run - N, s + run - N, N);                                            \
    }

/* n runs of `run` bytes, those that entries first, first + 1, ... of index name. */
static void take(char *to, const char *from, const ss_view *index, int64_t first, int64_t n,
                 int64_t run)
{
    if (run < 4 || run > 64) {
        for (int64_t i = 0; i < n; i++)
            memcpy(to + i * run, from + ss_index_at(index, first + i) * run, (size_t)run);
    } else if (run < 8) {
        SHORT_RUNS(4)
    } else if (run < 16) {
        SHORT_RUNS(8)
    } else if (run < 32) {
        SHORT_RUNS(16)
    } else {
        SHORT_RUNS(32)
    }
}

static ss_status cpu(ss_call *c)
{
    enum { PART = 4096 }; /* bytes that one iteration writes, or one run */
    const ss_view *x = &c->in[0], *index = &c->in[1], *y = &c->out[0];
    const ss_axis from = ss_axis_of(x, (int)c->attr[0].v[0]);
    const int64_t rows = index->count, run = from.inner * (int64_t)ss_dtype_bytes(x->dtype);
    const ss_status s = ss_check_index(c, index, from.n);
    if (s || y->count == 0) return s;
    const int64_t some = ss_max64(1, PART / run), parts = ss_ceil_div(rows, some);
    SS_PARALLEL_FOR (p, from.outer * parts, some * from.inner) {
        const int64_t o = p / parts, first = p % parts * some;
        take((char *)y->data + (o * rows + first) * run, (const char *)x->data + o * from.n * run,
             index, first, ss_min64(some, rows - first), run);
    }
    return SS_OK;
}

static void grad(ss_grad *g)
{
    const ss_attr a[] = {ss_ints(g->in_view[0].ndim, g->in_view[0].shape), g->attr[0]};
    ss_dx(g, 0, ss_g(g, "_index_select_dx", 2, (ss_tensor *[]){g->dy[0], g->in[1]}, 2, a));
}

const ss_op SS_OP(index_select) = {
    .name = "index_select",
    .sig = "x: any, index: index, dim: dim",
    .doc =
        "Slices index[1], index[2], ... of x along axis dim, in this order. The values of index, "
        "which has one axis, count from 0.",
    .infer = infer,
    .cpu = cpu,
    .grad = grad,
    .saves = SS_SAVE_IN(1),
};
