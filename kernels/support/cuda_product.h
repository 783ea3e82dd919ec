/* cuda_product.h — the ops that are one matrix product: what plan_cuda of their .c files and their
 * twins share. Operands whose type is not the one computed in are converted first, a frozen weight
 * once for all. */
#ifndef SEMISAM_CUDA_PRODUCT_PLAN_H
#define SEMISAM_CUDA_PRODUCT_PLAN_H
#include "batch.h"
#include "cuda_gemm.h"
#include <string.h>

typedef struct ss_product {
    ss_gemm q;
    const ss_view *x, *w, *b, *r; /* b and r: NULL where there is none */
} ss_product;

static inline int64_t ss_product_rows(const ss_view *v)
{
    int64_t rows = 1;
    for (int i = 0; i < v->ndim - 1; i++) rows *= v->shape[i];
    return rows;
}

static inline ss_product ss_product_linear(const ss_call *c)
{
    const ss_view *x = &c->in[0], *w = &c->in[1], *b = &c->in[2], *r = &c->in[3];
    ss_product p;
    memset(&p, 0, sizeof p);
    p.x = x, p.w = w;
    p.b = b->present ? b : NULL;
    p.r = r->present ? r : NULL;
    p.q.batch = 1;
    p.q.m = ss_product_rows(x);
    p.q.n = w->shape[0];
    p.q.k = w->shape[1];
    p.q.w_transposed = true;
    p.q.type = p.q.y_type = x->dtype;
    p.q.b_type = b->dtype;
    p.q.act = (ss_act)c->attr[0].v[0];
    p.q.bias = b->present;
    p.q.residual = r->present;
    return p;
}

static inline ss_product ss_product_linear_dx(const ss_call *c)
{
    const ss_view *dy = &c->in[0], *w = &c->in[1];
    ss_product p;
    memset(&p, 0, sizeof p);
    p.x = dy, p.w = w;
    p.q.batch = 1;
    p.q.m = ss_product_rows(dy);
    p.q.n = w->shape[1];
    p.q.k = w->shape[0];
    p.q.type = p.q.y_type = dy->dtype;
    return p;
}

static inline ss_product ss_product_linear_dw(const ss_call *c)
{
    const ss_view *x = &c->in[0], *dy = &c->in[1];
    ss_product p;
    memset(&p, 0, sizeof p);
    p.x = dy, p.w = x;
    p.q.batch = 1;
    p.q.m = dy->shape[dy->ndim - 1];
    p.q.n = x->shape[x->ndim - 1];
    p.q.k = ss_product_rows(dy);
    p.q.x_transposed = true;
    p.q.type = x->dtype == dy->dtype ? x->dtype : SS_F32;
    p.q.y_type = SS_F32;
    return p;
}

/* One product of the innermost batch axis of t; the twin repeats it over the others. One b for all
 * gives more rows instead of more matrices. */
static inline ss_product ss_product_matmul(const ss_call *c, const ss_batch *t)
{
    const ss_view *a = &c->in[0], *b = &c->in[1];
    const bool ta = c->attr[0].v[0], tb = c->attr[1].v[0];
    const int last = t->n - 1;
    ss_product p;
    memset(&p, 0, sizeof p);
    p.x = a, p.w = b;
    p.q.batch = last < 0 ? 1 : t->size[last];
    p.q.m = a->shape[a->ndim - (ta ? 1 : 2)];
    p.q.k = a->shape[a->ndim - (ta ? 2 : 1)];
    p.q.n = b->shape[b->ndim - (tb ? 2 : 1)];
    p.q.x_transposed = ta, p.q.w_transposed = tb;
    p.q.x_step = last < 0 ? 0 : t->a[last] * p.q.m * p.q.k;
    p.q.w_step = last < 0 ? 0 : t->b[last] * p.q.k * p.q.n;
    p.q.type = a->dtype == b->dtype ? a->dtype : SS_F32;
    p.q.y_type = c->out[0].dtype;
    if (p.q.w_step == 0 && !ta) {
        p.q.m *= p.q.batch;
        p.q.batch = 1;
    }
    return p;
}

/* Bytes of v's copy in the type of the product; 0 where it needs none. */
static inline size_t ss_product_copy(const ss_product *p, const ss_view *v)
{
    return v->dtype == p->q.type ? 0 : (size_t)v->count * ss_dtype_bytes(p->q.type);
}

/* Whether the library adds the bias, in another type than it has, and that copy is kept. */
static inline bool ss_product_keeps_bias(const ss_call *c, const ss_product *p)
{
    return p->b && p->q.act == SS_ACT_NONE && p->b->dtype != p->q.y_type && ss_lay_keeps(c, p->b);
}

/* Scratch of ss_product_run; asks for the copies that are kept. */
static inline size_t ss_product_plan(ss_call *c, const ss_product *p)
{
    ss_lay l = {NULL, 0};
    if (ss_product_copy(p, p->x)) ss_lay_copy(c, &l, p->x, p->q.type, ss_product_copy(p, p->x));
    if (ss_product_copy(p, p->w)) ss_lay_copy(c, &l, p->w, p->q.type, ss_product_copy(p, p->w));
    if (ss_product_keeps_bias(c, p))
        ss_lay_copy(c, &l, p->b, p->q.y_type, (size_t)p->q.n * ss_dtype_bytes(p->q.y_type));
    return l.used + ss_gemm_bytes(&p->q);
}
#endif
