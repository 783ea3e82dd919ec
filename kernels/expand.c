/* expand.c — axes of size 1 repeated without copying. */
#include "support/shape.h"

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0];
    const ss_attr *want = &c->attr[0];
    const int lead = want->n - x->ndim;
    int64_t shape[SS_MAX_DIM] = {0}, stride[SS_MAX_DIM] = {0};
    if (lead < 0)
        return ss_fail(c, SS_E_SHAPE, "the new shape has %d axes, x already has %d", want->n,
                       x->ndim);
    for (int a = 0; a < want->n; a++) {
        const int64_t have = a < lead ? 1 : x->shape[a - lead];
        shape[a] = want->v[a] == -1 && a >= lead ? have : want->v[a];
        if (shape[a] != have && have != 1)
            return ss_fail(c, SS_E_SHAPE, "axis %d has size %lld and cannot become %lld", a + 1,
                           (long long)have, (long long)shape[a]);
        stride[a] = a < lead || shape[a] != have ? 0 : x->stride[a - lead];
    }
    return ss_out_view(c, want->n, shape, stride, 0);
}

static void grad(ss_grad *g) /* the engine sums dy over the repeated axes */
{
    ss_dx(g, 0, g->dy[0]);
}

const ss_op SS_OP(expand) = {
    .name = "expand",
    .sig = "x: any, shape: shape",
    .doc = "A view of x in which axes of size 1 (and new leading axes) repeat up to shape; -1 "
           "keeps an axis.",
    .infer = infer,
    .grad = grad,
    .flags = SS_OP_VIEW | SS_OP_STRIDED,
};
