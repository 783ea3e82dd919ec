/* matmul.c — matrix product of the last two axes; the leading axes broadcast. */
#include "cpu.h"
#include "support/mm.h"

/* Batch axes after merging: how far a and b move per step, in matrices (0: the same again). */
typedef struct batch {
    int n;
    int64_t size[SS_MAX_DIM], a[SS_MAX_DIM], b[SS_MAX_DIM];
} batch;

static int64_t lead(const ss_view *v, int ndim, int axis) /* size of v's axis, 1 where absent */
{
    int i = axis - (ndim - v->ndim);
    return i < 0 ? 1 : v->shape[i];
}

/* Outermost first. Neighbours along which both operands move evenly become one axis. */
static void batch_of(const ss_view *a, const ss_view *b, batch *t)
{
    const int ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
    int64_t as = 1, bs = 1;
    t->n = 0;
    for (int i = ndim - 3; i >= 0; i--) { /* innermost first, turned around below */
        const int64_t na = lead(a, ndim, i), nb = lead(b, ndim, i), n = na == 1 ? nb : na;
        if (n == 1) continue;
        const int64_t ma = na == 1 ? 0 : as, mb = nb == 1 ? 0 : bs;
        as *= na;
        bs *= nb;
        const int k = t->n - 1;
        if (k >= 0 && ma == t->a[k] * t->size[k] && mb == t->b[k] * t->size[k]) {
            t->size[k] *= n;
        } else {
            t->size[t->n] = n;
            t->a[t->n] = ma;
            t->b[t->n++] = mb;
        }
    }
    for (int i = 0; i < t->n / 2; i++) {
        const int j = t->n - 1 - i;
        int64_t s = t->size[i], x = t->a[i], y = t->b[i];
        t->size[i] = t->size[j], t->a[i] = t->a[j], t->b[i] = t->b[j];
        t->size[j] = s, t->a[j] = x, t->b[j] = y;
    }
}

static void inner(const ss_call *c, const batch *t, ss_mm *q)
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
        const int64_t na = lead(a, ndim, i), nb = lead(b, ndim, i);
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
    batch t;
    ss_mm q;
    if (c->out[0].count == 0) return SS_OK;
    batch_of(&c->in[0], &c->in[1], &t);
    inner(c, &t, &q);
    return ss_mm_plan(c, &q, &c->scratch_bytes);
}

static ss_status cpu(ss_call *c)
{
    const ss_view *a = &c->in[0], *b = &c->in[1], *y = &c->out[0];
    batch t;
    ss_mm q;
    if (y->count == 0) return SS_OK;
    batch_of(a, b, &t);
    inner(c, &t, &q);
    const int64_t one_a = q.k * a->shape[a->ndim - (q.x_transposed ? 1 : 2)], one_b = q.k * q.n;
    const int64_t calls = y->count / (q.batch * q.m * q.n);
    for (int64_t i = 0; i < calls; i++) {
        int64_t at_a = 0, at_b = 0, rest = i;
        for (int k = t.n - 2; k >= 0; k--) {
            const int64_t j = rest % t.size[k];
            rest /= t.size[k];
            at_a += j * t.a[k] * one_a;
            at_b += j * t.b[k] * one_b;
        }
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
    .cpu = cpu,
    .grad = grad,
    .flops = flops,
    .saves = SS_SAVE_IN(0) | SS_SAVE_IN(1),
};
