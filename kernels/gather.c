/* gather.c — elements picked along an axis. */
#include "support/index.h"

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0], *index = &c->in[1];
    const int dim = (int)c->attr[0].v[0];
    if (index->ndim != x->ndim || !ss_same_but(x, dim, index->shape[dim], index))
        return ss_fail(c, SS_E_SHAPE, "index has x's shape except along axis %d", dim + 1);
    return ss_out(c, 0, x->dtype, index->ndim, index->shape);
}

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[0], *index = &c->in[1], *y = &c->out[0];
    const ss_axis from = ss_axis_of(x, (int)c->attr[0].v[0]);
    const int64_t rows = index->shape[c->attr[0].v[0]], size = (int64_t)ss_dtype_bytes(x->dtype);
    const ss_status s = ss_check_index(c, index, from.n);
    if (s) return s;
    SS_PARALLEL_FOR (r, from.outer * rows, from.inner) {
        for (int64_t k = 0; k < from.inner; k++) {
            const int64_t to = r * from.inner + k;
            const int64_t at = (r / rows * from.n + ss_index_at(index, to)) * from.inner + k;
            memcpy((char *)y->data + to * size, (const char *)x->data + at * size, (size_t)size);
        }
    }
    return SS_OK;
}

static void grad(ss_grad *g)
{
    const ss_attr a[] = {ss_ints(g->in_view[0].ndim, g->in_view[0].shape), g->attr[0]};
    ss_dx(g, 0, ss_g(g, "_gather_dx", 2, (ss_tensor *[]){g->dy[0], g->in[1]}, 2, a));
}

const ss_op SS_OP(gather) = {
    .name = "gather",
    .sig = "x: any, index: index, dim: dim",
    .doc = "y[..., i, ...] = x[..., index[..., i, ...], ...] along axis dim. Indices count from 0; "
           "index has x's shape except along dim.",
    .infer = infer,
    .cpu = cpu,
    .grad = grad,
    .saves = SS_SAVE_IN(1),
};
