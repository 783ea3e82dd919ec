/* roll.c — places of one axis shifted around. */
#include "support/strided.h"

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    const int dim = (int)c->attr[0].v[0];
    const int64_t n = x->shape[dim];
    if (x->count == 0) return SS_OK;
    const int64_t k = (c->attr[1].v[0] % n + n) % n; /* the last k places come first */
    const ss_view tail = ss_view_slice(*x, dim, n - k, k, 1);
    const ss_view head = ss_view_slice(*x, dim, 0, n - k, 1);
    const ss_view front = ss_view_slice(*y, dim, 0, k, 1),
                  back = ss_view_slice(*y, dim, k, n - k, 1);
    ss_copy_view(&front, &tail);
    ss_copy_view(&back, &head);
    return SS_OK;
}

static void grad(ss_grad *g)
{
    const int64_t n = g->in_view[0].shape[g->attr[0].v[0]];
    const ss_attr a[] = {g->attr[0], ss_int(n ? -(g->attr[1].v[0] % n) : 0)};
    ss_dx(g, 0, ss_g(g, "roll", 1, (ss_tensor *[]){g->dy[0]}, 2, a));
}

const ss_op SS_OP(roll) = {
    .name = "roll",
    .sig = "x: any, dim: dim, shift: int",
    .doc = "x with every place of axis dim moved `shift` places on; what leaves at the end enters "
           "at the start.",
    .infer = ss_infer_like,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_STRIDED,
};
