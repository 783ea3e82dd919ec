/* squeeze.c — axes of size 1 removed. */
#include "support/shape.h"

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0];
    const ss_attr *dims = &c->attr[0];
    int64_t shape[SS_MAX_DIM] = {0}, stride[SS_MAX_DIM] = {0};
    int n = 0;
    for (int a = 0; a < x->ndim; a++) {
        bool drop = dims->n < 0 && x->shape[a] == 1;
        for (int i = 0; i < dims->n; i++) drop |= dims->v[i] == a;
        if (drop && x->shape[a] != 1)
            return ss_fail(c, SS_E_SHAPE, "axis %d has size %lld, only size 1 can be removed",
                           a + 1, (long long)x->shape[a]);
        if (drop) continue;
        shape[n] = x->shape[a];
        stride[n++] = x->stride[a];
    }
    return ss_out_view(c, n, shape, stride, 0);
}

static void grad(ss_grad *g)
{
    const ss_attr shape = ss_ints(g->in_view[0].ndim, g->in_view[0].shape);
    ss_dx(g, 0, ss_g(g, "reshape", 1, (ss_tensor *[]){g->dy[0]}, 1, &shape));
}

const ss_op SS_OP(squeeze) = {
    .name = "squeeze",
    .sig = "x: any, dims?: dims",
    .doc = "A view of x without the axes dims, which have size 1 (absent: without all such axes).",
    .infer = infer,
    .grad = grad,
    .flags = SS_OP_VIEW | SS_OP_STRIDED,
};
