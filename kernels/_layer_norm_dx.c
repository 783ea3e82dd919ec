/* _layer_norm_dx.c — gradients of layer_norm.
 *
 * With xhat = (x - mean) / sd and g = dy * weight:
 *   dx = (g - mean(g) - xhat mean(g xhat)) / sd,  dweight = sum dy xhat,  dbias = sum dy. */
#include "support/block.h"
#include "support/cuda_layer_norm.h"

enum { DY, X, MEAN, RSTD, WEIGHT };
enum { LANES = 16, MAX_CHUNKS = 256, MIN_ROWS = 16, JOIN = 64 };
/* gcc 12 turns a plain loop over lanes into shuffles and ordered scalar sums here: 4 times slower
 */
typedef float lanes __attribute__((vector_size(LANES * 4)));

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[X];
    ss_status s = ss_out_like(c, 0, x);
    for (int k = 1; k <= 2 && s == SS_OK; k++) s = ss_out(c, k, SS_F32, 1, &x->shape[x->ndim - 1]);
    return s;
}

/* Rows in chunks whose number depends on the shape only. */
static void chunks_of(const ss_view *x, int64_t *rows, int64_t *per, int64_t *chunks)
{
    const int64_t n = x->shape[x->ndim - 1];
    *rows = n ? x->count / n : 0;
    *per = ss_max64(MIN_ROWS, ss_ceil_div(*rows, MAX_CHUNKS));
    *chunks = ss_ceil_div(*rows, *per);
}

/* Scratch: weight [n], then per chunk dweight, dbias and two row buffers. */
static ss_status plan(ss_call *c)
{
    const ss_view *x = &c->in[X];
    int64_t rows, per, chunks, n = x->shape[x->ndim - 1];
    chunks_of(x, &rows, &per, &chunks);
    c->scratch_bytes = (size_t)(n * (1 + 4 * chunks)) * 4;
    return SS_OK;
}

static void row_dx(const float *restrict dy, const float *x, const float *restrict w, int64_t n,
                   float m, float s, float *restrict dw, float *restrict db, float *dx)
{
    lanes a1 = {0}, a2 = {0};
    float s1 = 0, s2 = 0;
    int64_t j = 0;
    for (; j + LANES <= n; j += LANES) {
        lanes d, f, v;
        memcpy(&d, dy + j, sizeof d);
        memcpy(&f, w + j, sizeof f);
        memcpy(&v, x + j, sizeof v);
        d *= f;
        a1 += d;
        a2 += d * (v - m) * s;
    }
    for (; j < n; j++) {
        float g = dy[j] * w[j];
        s1 += g;
        s2 += g * (x[j] - m) * s;
    }
    for (int l = 0; l < LANES; l++) s1 += a1[l], s2 += a2[l];
    s1 /= (float)n;
    s2 /= (float)n;
    for (j = 0; j < n; j++) {
        float h = (x[j] - m) * s, d = dy[j];
        dw[j] += d * h;
        db[j] += d;
        dx[j] = s * (d * w[j] - s1 - h * s2);
    }
}

/* Adds the chunks' columns [j0, j0 + m) in order. */
static void join(const float *part, int64_t n, int64_t chunks, int64_t j0, int64_t m, float *dw,
                 float *db)
{
    double a[JOIN] = {0}, b[JOIN] = {0};
    for (int64_t k = 0; k < chunks; k++) {
        const float *w = part + k * 4 * n + j0;
        for (int64_t j = 0; j < m; j++) a[j] += (double)w[j];
        for (int64_t j = 0; j < m; j++) b[j] += (double)w[n + j];
    }
    for (int64_t j = 0; j < m; j++) {
        dw[j0 + j] = (float)a[j];
        db[j0 + j] = (float)b[j];
    }
}

static ss_status plan_cuda(ss_call *c)
{
    const ss_layer_chunks k = ss_layer_chunks_of(&c->in[X]);
    c->scratch_bytes = (size_t)(2 * k.chunks * k.n) * 4;
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    const ss_view *dy = &c->in[DY], *x = &c->in[X], *dx = &c->out[0];
    const float *mean = ss_in_f32(c, MEAN), *rstd = ss_in_f32(c, RSTD);
    int64_t rows, per, chunks, n = x->shape[x->ndim - 1];
    chunks_of(x, &rows, &per, &chunks);
    if (n == 0) return SS_OK;
    float *w = (float *)c->scratch, *part = w + n, *dw = ss_out_f32(c, 1), *db = ss_out_f32(c, 2);
    for (int64_t j = 0; j < n; j++) w[j] = 1;
    if (c->in[WEIGHT].present) ss_load_f32(w, c->in[WEIGHT].data, c->in[WEIGHT].dtype, n);
    SS_PARALLEL_FOR (k, chunks, per * n) {
        float *pw = part + k * 4 * n, *pb = pw + n, *b1 = pb + n, *b2 = b1 + n;
        memset(pw, 0, (size_t)(2 * n) * 4);
        for (int64_t r = k * per; r < ss_min64(rows, (k + 1) * per); r++) {
            const float *d = ss_block_in(dy, r * n, n, b1), *v = ss_block_in(x, r * n, n, b2);
            float *o = ss_block_out(dx, r * n, b2); /* x is read first */
            row_dx(d, v, w, n, mean[r], rstd[r], pw, pb, o);
            ss_block_done(dx, r * n, n, o);
        }
    }
    SS_PARALLEL_FOR (b, ss_ceil_div(n, JOIN), JOIN * 2 * chunks)
        join(part, n, chunks, b * JOIN, ss_min64(JOIN, n - b * JOIN), dw, db);
    return SS_OK;
}

const ss_op SS_OP(_layer_norm_dx) = {
    .name = "_layer_norm_dx",
    .sig = "dy: float, x: float, mean: f32, rstd: f32, weight?: float",
    .doc = "Gradients of layer_norm: dx, dweight, dbias.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
    .nout = 3,
};
