/* pad.c — axes made longer or shorter at their ends. */
#include "support/padding.h"
#include "support/strided.h"

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0];
    const ss_attr *pads = &c->attr[0];
    const ss_pad_mode mode = (ss_pad_mode)c->attr[2].v[0];
    int64_t shape[SS_MAX_DIM] = {0};
    if (pads->n % 2 || pads->n / 2 > x->ndim)
        return ss_fail(c, SS_E_ARG, "pads has %d entries; it lists pairs for at most %d axes",
                       pads->n, x->ndim);
    for (int a = 0; a < x->ndim; a++) {
        const int64_t before = ss_pad_before(pads, x->ndim, a), n = x->shape[a];
        const int64_t after = ss_pad_after(pads, x->ndim, a),
                      most = before > after ? before : after;
        const bool far = before < -n || after < -n || before > INT64_MAX / 4 ||
                         after > INT64_MAX / 4 || n + before + after < 0;
        if (far)
            return ss_fail(c, SS_E_ARG, "pads %lld and %lld do not fit axis %d of size %lld",
                           (long long)before, (long long)after, a + 1, (long long)n);
        if (mode != SS_PAD_CONSTANT && most > 0 &&
            (n == 0 || (mode == SS_PAD_REFLECT && most >= n)))
            return ss_fail(c, SS_E_ARG, "axis %d of size %lld has no %lld places to show again",
                           a + 1, (long long)n, (long long)most);
        shape[a] = n + before + after;
    }
    return ss_out(c, 0, x->dtype, x->ndim, shape);
}

/* Fills run bytes with copies of one element. */
static void fill(char *dst, const char *element, int64_t size, int64_t run)
{
    for (int64_t i = 0; i < run; i += size) memcpy(dst + i, element, (size_t)size);
}

static void constant(ss_dtype t, double value, char *element)
{
    const float f = (float)value;
    const int64_t i = t == SS_BOOL ? value != 0 : ss_nearest_i64(value);
    if (ss_is_float(t))
        ss_store_f32(element, t, &f, 1);
    else
        ss_store_run(element, t, 1, &i, SS_AS_I64, 1);
}

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    const ss_attr *pads = &c->attr[0];
    const ss_pad_mode mode = (ss_pad_mode)c->attr[2].v[0];
    const int64_t size = (int64_t)ss_dtype_bytes(x->dtype);
    const int last = x->ndim - 1;
    int row = last; /* the last axis that changes; those behind it move as one */
    char element[8];
    if (y->count == 0) return SS_OK;
    if (x->ndim == 0) {
        ss_copy_view(y, x);
        return SS_OK;
    }
    constant(x->dtype, c->attr[1].num, element);
    while (row > 0 && !ss_pad_before(pads, x->ndim, row) && !ss_pad_after(pads, x->ndim, row))
        row--;
    int64_t run = size;
    for (int a = row + 1; a <= last; a++) run *= x->shape[a];
    const int64_t n = y->shape[row], rows = y->count * size / (n * run);
    SS_PARALLEL_FOR (r, rows, n * run / size) {
        int64_t left = r, from = 0, step = 1;
        bool outside = false;
        for (int a = row - 1; a >= 0; a--) {
            const int64_t j = ss_pad_source(left % y->shape[a], ss_pad_before(pads, x->ndim, a),
                                            x->shape[a], mode);
            left /= y->shape[a];
            outside |= j < 0;
            from += j * step;
            step *= x->shape[a];
        }
        char *dst = (char *)y->data + r * n * run;
        const char *src = (const char *)x->data;
        for (int64_t i = 0; i < n; i++, dst += run) {
            const int64_t have = x->shape[row];
            const int64_t before = ss_pad_before(pads, x->ndim, row);
            const int64_t j = outside ? -1 : ss_pad_source(i, before, have, mode);
            if (j < 0)
                fill(dst, element, size, run);
            else
                memcpy(dst, src + (from * have + j) * run, (size_t)run);
        }
    }
    return SS_OK;
}

static void grad(ss_grad *g)
{
    const ss_view *x = &g->in_view[0];
    ss_attr back = g->attr[0];
    for (int i = 0; i < back.n; i++) back.v[i] = -back.v[i];
    if (g->attr[2].v[0] == SS_PAD_CONSTANT) { /* what was added is cut off and the reverse */
        const ss_attr a[] = {back, ss_num(0), g->attr[2]};
        ss_dx(g, 0, ss_g(g, "pad", 1, (ss_tensor *[]){g->dy[0]}, 3, a));
    } else {
        const ss_attr a[] = {ss_ints(x->ndim, x->shape), g->attr[0], g->attr[2]};
        ss_dx(g, 0, ss_g(g, "_pad_dx", 1, (ss_tensor *[]){g->dy[0]}, 3, a));
    }
}

const ss_op SS_OP(pad) = {
    .name = "pad",
    .sig = "x: any, pads: ints, value: number = 0, mode: enum(constant|edge|reflect) = constant",
    .doc = "x with places added before and after its axes; pads lists pairs (before, after) from "
           "the last axis backwards, negatives cut off. New places hold value, or repeat the edge, "
           "or mirror x without repeating the edge.",
    .infer = infer,
    .cpu = cpu,
    .grad = grad,
};
