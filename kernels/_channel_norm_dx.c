/* _channel_norm_dx.c — gradients of instance, group and batch normalisation.
 *
 * With t = xhat * weight + bias + residual, xhat = (x - mean) / sd, y = leaky(t) and
 * g = dy * leaky'(t): dresidual = g, dbias = sum g, dweight = sum g xhat, and over the set of m
 * values that shared one mean and variance
 *   dx = weight g / sd - (sum(weight g) + xhat sum(weight g xhat)) / (m sd).
 * Statistics that were given (`fixed`) have no second term. t is recomputed: nothing but x, the
 * residual and the statistics is kept from the forward pass. */
#include "support/channel_norm.h"
#include "support/cuda_norm.h"

enum { DY, X, MEAN, RSTD, WEIGHT, BIAS, RESIDUAL };
enum { OVER, GROUP, SLOPE };
enum { OVER_SAMPLE, OVER_BATCH, OVER_FIXED };

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[X];
    const int64_t ch = x->shape[x->ndim - 1], none = 0;
    ss_status s = ss_out_like(c, 0, x);
    for (int k = 1; k <= 2 && s == SS_OK; k++) s = ss_out(c, k, SS_F32, 1, &ch);
    if (s != SS_OK) return s;
    const ss_view *r = &c->in[RESIDUAL];
    return r->present ? ss_out_like(c, 3, r) : ss_out(c, 3, SS_F32, 1, &none);
}

static size_t sums_bytes(const ss_norm_geo *g)
{
    return (size_t)(g->n * g->c) * (2 * 8 + 2 * 4);
}

static ss_status plan(ss_call *c)
{
    ss_norm_geo g = ss_norm_geometry(&c->in[X]);
    c->scratch_bytes = sums_bytes(&g) + (size_t)(g.n * g.chunks * 2 * g.c) * 4 + 64;
    return SS_OK;
}

/* One chunk's tensors as f32 rows. */
typedef struct {
    const float *x, *dy, *res;
    int64_t xl, dl, rl;
    float xb[SS_NORM_CHUNK], db[SS_NORM_CHUNK], rb[SS_NORM_CHUNK];
} chunk;

static void load(chunk *k, const ss_call *c, const ss_norm_part *p)
{
    k->x = ss_norm_load(&c->in[X], p, k->xb, &k->xl);
    k->dy = ss_norm_load(&c->in[DY], p, k->db, &k->dl);
    k->res = NULL;
    if (c->in[RESIDUAL].present) k->res = ss_norm_load(&c->in[RESIDUAL], p, k->rb, &k->rl);
}

/* Sums of g and g xhat over one lane row; `e` is the residual or NULL. */
static inline void sum_row(const ss_norm_lanes *t, int64_t lanes, float slope,
                           const float *restrict x, const float *restrict dy,
                           const float *restrict e, float *restrict s1, float *restrict s2)
{
    for (int64_t l = 0; l < lanes; l++) {
        const float h = (x[l] - t->mean[l]) * t->rstd[l];
        const float u = h * t->weight[l] + t->bias[l] + (e ? e[l] : 0);
        const float g = u > 0 ? dy[l] : slope * dy[l];
        s1[l] += g;
        s2[l] += g * h;
    }
}

static void chunk_sums(const ss_call *c, const ss_norm_geo *geo, const ss_norm_args *a, int64_t i,
                       float *part)
{
    ss_norm_part p = ss_norm_part_at(geo, i);
    chunk k;
    ss_norm_lanes t;
    float s1[SS_NORM_LANES] = {0}, s2[SS_NORM_LANES] = {0};
    ss_norm_constants(&t, a, &p);
    load(&k, c, &p);
    for (int64_t r = 0; r < p.full + (p.tail > 0); r++) {
        const int64_t lanes = r < p.full ? p.lanes : p.tail;
        const float *x = k.x + r * k.xl, *dy = k.dy + r * k.dl;
        if (k.res)
            sum_row(&t, lanes, a->slope, x, dy, k.res + r * k.rl, s1, s2);
        else
            sum_row(&t, lanes, a->slope, x, dy, NULL, s1, s2);
    }
    float *out = part + (p.sample * geo->chunks + p.chunk) * 2 * geo->c;
    ss_norm_fold(out + p.j0, s1, &p);
    ss_norm_fold(out + geo->c + p.j0, s2, &p);
}

/* Joins chunk sums: s1, s2 [n, c], and the gradients of weight and bias. */
static void join(const ss_norm_geo *g, const float *part, double *s1, double *s2, float *dweight,
                 float *dbias)
{
    memset(s1, 0, (size_t)(2 * g->n * g->c) * 8);
    for (int64_t i = 0; i < g->n * g->chunks; i++) {
        const float *f = part + i * 2 * g->c;
        double *a = s1 + i / g->chunks * g->c, *b = s2 + i / g->chunks * g->c;
        for (int64_t j = 0; j < g->c; j++) a[j] += (double)f[j];
        for (int64_t j = 0; j < g->c; j++) b[j] += (double)f[g->c + j];
    }
    for (int64_t j = 0; j < g->c; j++) {
        double w = 0, b = 0;
        for (int64_t i = 0; i < g->n; i++) w += s2[i * g->c + j], b += s1[i * g->c + j];
        dweight[j] = (float)w;
        dbias[j] = (float)b;
    }
}

/* Means of weight g and weight g xhat over each set of shared statistics, per sample and channel:
 * a1, a2 [n, c]. */
static void share(const ss_call *c, const ss_norm_geo *g, const double *s1, const double *s2,
                  float *a1, float *a2)
{
    const int64_t m = ss_max64(1, c->attr[GROUP].v[0]);
    const bool batch = c->attr[OVER].v[0] == OVER_BATCH;
    const int64_t samples = batch ? g->n : 1;
    const double count = (double)(samples * m * g->s);
    const ss_view *w = &c->in[WEIGHT];
    for (int64_t i = 0; i < g->n; i += samples)
        for (int64_t j = 0; j < g->c; j += m) {
            double u1 = 0, u2 = 0;
            for (int64_t q = i; q < i + samples; q++)
                for (int64_t l = j; l < j + m; l++) {
                    float f = 1;
                    if (w->present) f = *ss_block_in(w, l, 1, &f);
                    u1 += (double)f * s1[q * g->c + l];
                    u2 += (double)f * s2[q * g->c + l];
                }
            if (c->attr[OVER].v[0] == OVER_FIXED) u1 = u2 = 0;
            for (int64_t q = i; q < i + samples; q++)
                for (int64_t l = j; l < j + m; l++) {
                    a1[q * g->c + l] = (float)(u1 / count);
                    a2[q * g->c + l] = (float)(u2 / count);
                }
        }
}

/* dx and, with a residual e, its gradient dr = g. */
static inline void dx_row(const ss_norm_lanes *t, int64_t lanes, float slope,
                          const float *restrict m1, const float *restrict m2,
                          const float *restrict x, const float *restrict dy,
                          const float *restrict e, float *restrict dx, float *restrict dr)
{
    for (int64_t l = 0; l < lanes; l++) {
        const float h = (x[l] - t->mean[l]) * t->rstd[l];
        const float u = h * t->weight[l] + t->bias[l] + (e ? e[l] : 0);
        const float g = u > 0 ? dy[l] : slope * dy[l];
        dx[l] = t->rstd[l] * (t->weight[l] * g - m1[l] - h * m2[l]);
        if (e) dr[l] = g;
    }
}

static void chunk_dx(ss_call *c, const ss_norm_geo *geo, const ss_norm_args *a, int64_t i,
                     const float *a1, const float *a2)
{
    ss_norm_part p = ss_norm_part_at(geo, i);
    chunk k;
    ss_norm_lanes t;
    float m1[SS_NORM_LANES], m2[SS_NORM_LANES], ob[SS_NORM_CHUNK], eb[SS_NORM_CHUNK];
    ss_norm_constants(&t, a, &p);
    ss_norm_spread(m1, a1 + p.sample * geo->c + p.j0, &p);
    ss_norm_spread(m2, a2 + p.sample * geo->c + p.j0, &p);
    load(&k, c, &p);
    int64_t ol, el = 0;
    float *out = ss_norm_out(&c->out[0], &p, ob, &ol), *dr = NULL;
    if (k.res) dr = ss_norm_out(&c->out[3], &p, eb, &el);
    for (int64_t r = 0; r < p.full + (p.tail > 0); r++) {
        const int64_t lanes = r < p.full ? p.lanes : p.tail;
        const float *x = k.x + r * k.xl, *dy = k.dy + r * k.dl;
        if (k.res)
            dx_row(&t, lanes, a->slope, m1, m2, x, dy, k.res + r * k.rl, out + r * ol, dr + r * el);
        else
            dx_row(&t, lanes, a->slope, m1, m2, x, dy, NULL, out + r * ol, NULL);
    }
    ss_norm_done(&c->out[0], &p, out);
    if (dr) ss_norm_done(&c->out[3], &p, dr);
}

static ss_status plan_cuda(ss_call *c)
{
    const ss_norm_tiles t = ss_norm_tiles_of(&c->in[X]);
    c->scratch_bytes =
        ss_norm_total_bytes(&t, 2) + ss_norm_part_bytes(&t, 2) + (size_t)(2 * t.n * t.c) * 4;
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    ss_norm_geo g = ss_norm_geometry(&c->in[X]);
    double *s1 = (double *)c->scratch, *s2 = s1 + g.n * g.c;
    float *a1 = (float *)(s2 + g.n * g.c), *a2 = a1 + g.n * g.c, *part = a2 + g.n * g.c;
    ss_norm_args a = {.x = &c->in[X],
                      .weight = &c->in[WEIGHT],
                      .bias = &c->in[BIAS],
                      .residual = &c->in[RESIDUAL],
                      .mean = ss_in_f32(c, MEAN),
                      .rstd = ss_in_f32(c, RSTD),
                      .stat_stride = c->attr[OVER].v[0] == OVER_SAMPLE ? g.c : 0,
                      .slope = (float)c->attr[SLOPE].num};
    SS_PARALLEL_FOR (i, ss_norm_parts(&g), SS_NORM_CHUNK) chunk_sums(c, &g, &a, i, part);
    join(&g, part, s1, s2, ss_out_f32(c, 1), ss_out_f32(c, 2));
    share(c, &g, s1, s2, a1, a2);
    SS_PARALLEL_FOR (i, ss_norm_parts(&g), SS_NORM_CHUNK) chunk_dx(c, &g, &a, i, a1, a2);
    return SS_OK;
}

const ss_op SS_OP(_channel_norm_dx) = {
    .name = "_channel_norm_dx",
    .sig = "dy: float, x: float, mean: f32, rstd: f32, weight?: float, bias?: float, "
           "residual?: float, over: enum(sample|batch|fixed), group: int = 1, slope: number = 1",
    .doc = "Gradients of instance_norm, group_norm and batch_norm: dx, dweight, dbias, dresidual.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
    .nout = 4,
};
