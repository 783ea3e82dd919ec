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

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[0], *index = &c->in[1], *y = &c->out[0];
    const ss_axis from = ss_axis_of(x, (int)c->attr[0].v[0]);
    const int64_t rows = index->count, run = from.inner * (int64_t)ss_dtype_bytes(x->dtype);
    const ss_status s = ss_check_index(c, index, from.n);
    if (s || y->count == 0) return s;
    SS_PARALLEL_FOR (r, from.outer * rows, from.inner) {
        const int64_t at = r / rows * from.n + ss_index_at(index, r % rows);
        memcpy((char *)y->data + r * run, (const char *)x->data + at * run, (size_t)run);
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
