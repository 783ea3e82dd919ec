/* rot90.c — quarter turns in the plane of two axes. */
#include "support/strided.h"

static int turns(const ss_attr *k)
{
    return (int)((k->v[0] % 4 + 4) % 4);
}

static ss_status infer(ss_call *c)
{
    const int64_t a = c->attr[0].v[0], b = c->attr[1].v[0];
    ss_view y = c->in[0];
    if (a == b) return ss_fail(c, SS_E_ARG, "dim1 and dim2 are both axis %d", (int)a + 1);
    if (turns(&c->attr[2]) % 2) {
        y.shape[a] = c->in[0].shape[b];
        y.shape[b] = c->in[0].shape[a];
    }
    return ss_out_like(c, 0, &y);
}

static ss_status cpu(ss_call *c)
{
    const int a = (int)c->attr[0].v[0], b = (int)c->attr[1].v[0], k = turns(&c->attr[2]);
    ss_view x = c->in[0];
    if (k == 2 || k == 3) x = ss_view_slice(x, a, x.shape[a] - 1, x.shape[a], -1);
    if (k == 1 || k == 2) x = ss_view_slice(x, b, x.shape[b] - 1, x.shape[b], -1);
    if (k % 2) {
        const int64_t n = x.shape[a], s = x.stride[a];
        x.shape[a] = x.shape[b], x.stride[a] = x.stride[b];
        x.shape[b] = n, x.stride[b] = s;
    }
    ss_copy_view(&c->out[0], &x);
    return SS_OK;
}

static void grad(ss_grad *g)
{
    const ss_attr a[] = {g->attr[0], g->attr[1], ss_int(-turns(&g->attr[2]))};
    ss_dx(g, 0, ss_g(g, "rot90", 1, (ss_tensor *[]){g->dy[0]}, 3, a));
}

const ss_op SS_OP(rot90) = {
    .name = "rot90",
    .sig = "x: any, dim1: dim, dim2: dim, k: int = 1",
    .doc = "k quarter turns from axis dim1 towards axis dim2: for k = 1, y[i, j] = x[j, n - 1 - i] "
           "(from 0), n the size of dim2.",
    .infer = infer,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
};
