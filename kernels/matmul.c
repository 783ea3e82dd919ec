/* matmul.c — matrix product of the last two axes; the leading axes broadcast. */
#include "cpu.h"
#include "support/batch.h"
#include "support/cuda_product.h"
#include "support/mm.h"

static void inner(const ss_call *c, const ss_batch *t, ss_mm *q)
{
    const ss_view *a = &c->in[0], *b = &c->in[1];
    const bool ta = c->attr[0].v[0], tb = c->attr[1].v[0];
    const int k = t->n - 1; /* the axis done by one call */
    *q = (ss_mm){.batch = k < 0 ? 1 : t->size[k],
                 .m = a->shape[a->ndim - (ta ? 1 : 2)],
                 .k = a->shape[a->ndim - (ta ? 2 : 1)],
                 .n = b->shape[b->ndim - (tb ? 2 : 1)],
                 .x_transposed = ta,
                 .w_transposed = tb,
                 .x_shared = k >= 0 && t->a[k] == 0,
                 .w_shared = k >= 0 && t->b[k] == 0,
                 .compute = a->dtype == b->dtype ? ss_dnn_compute(a->dtype) : SS_F32,
                 .x_type = a->dtype,
                 .w_type = b->dtype,
                 .y_type = c->out[0].dtype};
    if (q->w_shared && !ta) { /* one b for all: more rows instead of more matrices */
        q->m *= q->batch;
        q->batch = 1;
    }
    if (q->batch == 1 && b->ndim == 2) {
        q->w_parameter = true;
        q->w = b;
    }
}

static ss_status infer(ss_call *c)
{
    const ss_view *a = &c->in[0], *b = &c->in[1];
    const bool ta = c->attr[0].v[0], tb = c->attr[1].v[0];
    int64_t shape[SS_MAX_DIM];
    if (a->ndim < 2 || b->ndim < 2)
        return ss_fail(c, SS_E_SHAPE, "expected a and b with at least 2 axes, got %d and %d",
                       a->ndim, b->ndim);
    const int64_t ka = a->shape[a->ndim - (ta ? 2 : 1)], kb = b->shape[b->ndim - (tb ? 1 : 2)];
    if (ka != kb)
        return ss_fail(c, SS_E_SHAPE, "expected equal inner sizes, got %lld (a%s) and %lld (b%s)",
                       (long long)ka, ta ? " transposed" : "", (long long)kb,
                       tb ? " transposed" : "");
    const int ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
    for (int i = 0; i < ndim - 2; i++) {
        const int64_t na = ss_batch_lead(a, ndim, i), nb = ss_batch_lead(b, ndim, i);
        if (na != nb && na != 1 && nb != 1)
            return ss_fail(c, SS_E_SHAPE,
                           "leading axes do not broadcast: sizes %lld and %lld at axis %d",
                           (long long)na, (long long)nb, i + 1);
        shape[i] = na == 1 ? nb : na;
    }
    shape[ndim - 2] = a->shape[a->ndim - (ta ? 1 : 2)];
    shape[ndim - 1] = b->shape[b->ndim - (tb ? 2 : 1)];
    return ss_out(c, 0, ss_promote(a, b), ndim, shape);
}

static ss_status plan(ss_call *c)
{
    ss_batch t;
    ss_mm q;
    if (c->out[0].count == 0) return SS_OK;
    ss_batch_of(&c->in[0], &c->in[1], &t);
    inner(c, &t, &q);
    return ss_mm_plan(c, &q, &c->scratch_bytes);
}

static ss_status plan_cuda(ss_call *c)
{
    ss_batch t;
    ss_product p;
    if (c->out[0].count == 0) return SS_OK;
    ss_batch_of(&c->in[0], &c->in[1], &t);
    p = ss_product_matmul(c, &t);
    c->scratch_bytes = ss_product_plan(c, &p);
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    const ss_view *a = &c->in[0], *b = &c->in[1], *y = &c->out[0];
    ss_batch t;
    ss_mm q;
    if (y->count == 0) return SS_OK;
    ss_batch_of(a, b, &t);
    inner(c, &t, &q);
    const int64_t one_a = q.k * a->shape[a->ndim - (q.x_transposed ? 1 : 2)], one_b = q.k * q.n;
    const int64_t calls = ss_batch_outer(&t);
    for (int64_t i = 0; i < calls; i++) {
        int64_t at_a, at_b;
        ss_batch_at(&t, i, &at_a, &at_b);
        at_a *= one_a, at_b *= one_b;
        if (ss_cancelled(c)) return ss_fail(c, SS_E_CANCEL, "interrupted");
        ss_status st =
            ss_mm_run(c, &q, (const char *)a->data + at_a * (int64_t)ss_dtype_bytes(a->dtype),
                      (const char *)b->data + at_b * (int64_t)ss_dtype_bytes(b->dtype), NULL, NULL,
                      (char *)y->data + i * q.batch * q.m * q.n * (int64_t)ss_dtype_bytes(y->dtype),
                      c->scratch);
        if (st) return st;
    }
    return SS_OK;
}

static ss_tensor *product(ss_grad *g, ss_tensor *a, ss_tensor *b, bool ta, bool tb)
{
    return ss_g(g, "matmul", 2, (ss_tensor *[]){a, b}, 2, (ss_attr[]){ss_int(ta), ss_int(tb)});
}

/* With C = A B: dA = dC B^T and dB = A^T dC, read through the transposes. One B for a batch of A
 * gets its gradient as one product over all rows instead of a sum of many. */
static void grad(ss_grad *g)
{
    const bool ta = g->attr[0].v[0], tb = g->attr[1].v[0];
    ss_tensor *a = g->in[0], *b = g->in[1], *d = g->dy[0];
    if (g->need[0]) ss_dx(g, 0, ta ? product(g, b, d, tb, true) : product(g, d, b, false, !tb));
    if (!g->need[1]) return;
    if (g->in_view[1].ndim == 2 && g->in_view[0].ndim > 2 && !ta)
        ss_dx(g, 1, ss_g2(g, "_linear_dw", tb ? a : d, tb ? d : a));
    else
        ss_dx(g, 1, tb ? product(g, d, a, true, ta) : product(g, a, d, !ta, false));
}

static double flops(const ss_call *c)
{
    const ss_view *a = &c->in[0];
    const int64_t k = a->shape[a->ndim - (c->attr[0].v[0] ? 2 : 1)];
    return 2.0 * (double)c->out[0].count * (double)k;
}

const ss_op SS_OP(matmul) = {
    .name = "matmul",
    .sig = "a: float, b: float, transpose_a: bool = false, transpose_b: bool = false",
    .doc = "Matrix product of the last two axes, a [..., m, k] and b [..., k, n] (or stored "
           "transposed, as the flags say); leading axes broadcast.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .grad = grad,
    .flops = flops,
    .saves = SS_SAVE_IN(0) | SS_SAVE_IN(1),
};
