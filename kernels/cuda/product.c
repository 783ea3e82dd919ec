/* product.c — the ops that are one matrix product: operands, then the product. */
#include "product.h"
#include "gpu.h"

ss_status ss_operand(ss_call *c, ss_gpu *g, ss_lay *l, const ss_view *v, ss_dtype t,
                     const void **data)
{
    *data = v->data;
    if (v->dtype == t || v->count == 0) return SS_OK;
    const size_t bytes = (size_t)v->count * ss_dtype_bytes(t);
    const bool kept = ss_lay_keeps(c, v);
    bool fresh = true;
    void *to = kept ? c->env->pack(c->env, v, t, bytes, &fresh) : ss_take(l, bytes);
    if (!to) return ss_fail(c, SS_E_NOMEM, "out of memory for the weight as %s", ss_dtype_name(t));
    if (fresh) ss_convert(g, to, t, v->data, v->dtype, v->count);
    *data = to;
    return SS_OK;
}

ss_status ss_product_run(ss_call *c, ss_gpu *g, const ss_product *p, void *y)
{
    ss_lay l = {c->scratch, 0};
    const void *x, *w;
    ss_status st = ss_operand(c, g, &l, p->x, p->q.type, &x);
    if (!st) st = ss_operand(c, g, &l, p->w, p->q.type, &w);
    ss_gemm q = p->q;
    if (!st && ss_product_keeps_bias(c, p)) st = ss_operand(c, g, &l, p->b, q.y_type, &q.b_kept);
    if (st) return st;
    return ss_gemm_run(c, g, &q, x, w, p->b ? p->b->data : NULL, p->r ? p->r->data : NULL, y,
                       (char *)c->scratch + l.used);
}
