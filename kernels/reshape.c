/* reshape.c — the same elements under other sizes. */
#include "support/shape.h"

static ss_status infer(ss_call *c)
{
    const ss_attr *want = &c->attr[0];
    const int64_t count = c->in[0].count;
    int64_t shape[SS_MAX_DIM] = {0}, stride[SS_MAX_DIM] = {0}, known = 1;
    int open = -1;
    for (int a = 0; a < want->n; a++) {
        shape[a] = want->v[a];
        if (shape[a] == -1 && open >= 0)
            return ss_fail(c, SS_E_SHAPE, "only one size can be -1, sizes %d and %d are", open + 1,
                           a + 1);
        if (shape[a] == -1)
            open = a;
        else if (shape[a] < 0 || __builtin_mul_overflow(known, shape[a], &known))
            return ss_fail(c, SS_E_SHAPE, "size %d cannot be %lld", a + 1, (long long)shape[a]);
    }
    if (open >= 0) {
        if (known == 0 || count % known != 0)
            return ss_fail(c, SS_E_SHAPE, "%lld elements do not divide into rows of %lld",
                           (long long)count, (long long)known);
        shape[open] = count / known;
    } else if (known != count) {
        return ss_fail(c, SS_E_SHAPE, "the new shape holds %lld elements, x has %lld",
                       (long long)known, (long long)count);
    }
    int64_t step = 1;
    for (int a = want->n - 1; a >= 0; a--) {
        stride[a] = step;
        step *= shape[a];
    }
    return ss_out_view(c, want->n, shape, stride, 0);
}

static void grad(ss_grad *g)
{
    const ss_view *x = &g->in_view[0];
    ss_attr shape = ss_ints(x->ndim, x->shape);
    ss_dx(g, 0, ss_g(g, "reshape", 1, (ss_tensor *[]){g->dy[0]}, 1, &shape));
}

const ss_op SS_OP(reshape) = {
    .name = "reshape",
    .sig = "x: any, shape: shape",
    .doc = "The elements of x in row-major order under new sizes; one size may be -1 and is then "
           "worked out. Shares x's memory when x is contiguous.",
    .infer = infer,
    .grad = grad,
    .flags = SS_OP_VIEW,
};
