/* var.c — variance over axes. */
#include "support/sums.h"

/* From f64 sums of x and x^2: of f32 data with mean m and deviation s the relative error is about
 * (m / s)^2 * 1e-16. */
typedef struct {
    const ss_view *y;
    double *sum, n, divisor;
} moments;

static void keep_sum(const void *arg, int64_t first, const ss_acc *a, int64_t n)
{
    const moments *m = (const moments *)arg;
    for (int64_t j = 0; j < n; j++) m->sum[first + j] = a[j].d;
}

static void store_var(const void *arg, int64_t first, const ss_acc *a, int64_t n)
{
    const moments *m = (const moments *)arg;
    const int64_t size = (int64_t)ss_dtype_bytes(m->y->dtype);
    for (int64_t j = 0; j < n; j++) {
        const double s = m->sum[first + j], square = a[j].d - s * (s / m->n);
        const float v = (float)((square < 0 ? 0.0 : square) / m->divisor);
        ss_store_f32((char *)m->y->data + (first + j) * size, m->y->dtype, &v, 1);
    }
}

static ss_status infer(ss_call *c)
{
    return ss_infer_reduce(c, 0, c->in[0].dtype, &c->attr[0], c->attr[1].v[0] != 0);
}

static ss_status plan(ss_call *c)
{
    c->scratch_bytes =
        (size_t)c->out[0].count * sizeof(double) + ss_reduce_scratch(&c->in[0], &c->attr[0]);
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[0];
    const double n = (double)ss_fold_count(x, &c->attr[0]);
    const moments m = {&c->out[0], (double *)c->scratch, n, n - (c->attr[2].v[0] ? 1 : 0)};
    if (n == 0) return ss_fill_nan(c);
    void *parts = m.sum + c->out[0].count;
    ss_reducer r = ss_sum_float;
    r.finish = keep_sum;
    r.arg = &m;
    ss_reduce(&r, x, &c->attr[0], parts);
    r = ss_sum_squares;
    r.finish = store_var;
    r.arg = &m;
    ss_reduce(&r, x, &c->attr[0], parts);
    return SS_OK;
}

static void grad(ss_grad *g) /* dx = 2 dy (x - mean) / divisor */
{
    const ss_view *x = &g->in_view[0];
    const double divisor = (double)ss_fold_count(x, &g->attr[0]) - (g->attr[2].v[0] ? 1 : 0);
    const ss_attr kept = ss_kept_shape(x, &g->attr[0]), scale = ss_num(2 / divisor);
    const ss_attr fold[] = {g->attr[0], ss_int(1)};
    ss_tensor *mean = ss_g(g, "mean", 1, &g->in[0], 2, fold);
    ss_tensor *dy = ss_g(g, "reshape", 1, (ss_tensor *[]){g->dy[0]}, 1, &kept);
    ss_dx(g, 0, ss_g(g, "_var_dx", 3, (ss_tensor *[]){dy, g->in[0], mean}, 1, &scale));
}

const ss_op SS_OP(var) = {
    .name = "var",
    .sig = "x: float, dims?: dims, keepdim: bool = false, unbiased: bool = false",
    .doc = "Variance over dims (absent: all axes): mean squared distance from the mean, or with "
           "`unbiased` divided by one less than the count. NaN of nothing.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = ss_plan_fold,
    .cpu = cpu,
    .grad = grad,
    .saves = SS_SAVE_IN(0),
};
