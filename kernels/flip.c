/* flip.c — axes in reverse order. */
#include "support/strided.h"

static ss_status cpu(ss_call *c)
{
    ss_view x = c->in[0];
    unsigned seen = 0;
    for (int i = 0; i < c->attr[0].n; i++) {
        const int a = (int)c->attr[0].v[i];
        if (seen & (1u << a)) continue; /* named twice: still reversed once */
        seen |= 1u << a;
        x = ss_view_slice(x, a, x.shape[a] - 1, x.shape[a], -1);
    }
    ss_copy_view(&c->out[0], &x);
    return SS_OK;
}

static void grad(ss_grad *g)
{
    ss_dx(g, 0, ss_g(g, "flip", 1, (ss_tensor *[]){g->dy[0]}, 1, g->attr));
}

const ss_op SS_OP(flip) = {
    .name = "flip",
    .sig = "x: any, dims: dims",
    .doc = "x with the order along each of dims reversed.",
    .infer = ss_infer_like,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
};
