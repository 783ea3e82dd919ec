/* channel_norm.h — what instance, group and batch normalisation share: statistics per channel of
 * channels-last data [n, s, c] in fixed chunks, and the normalising pass.
 *
 * Narrow channels are taken k positions at a time, so that a row of at least 128 independent lanes
 * is summed; wide ones in slabs. Squared deviations are taken from a mean close by, and chunks are
 * joined in double in a fixed order: no cancellation, and one reading of memory. */
#ifndef SEMISAM_CHANNEL_NORM_H
#define SEMISAM_CHANNEL_NORM_H
#include "block.h"

enum { SS_NORM_LANES = 512, SS_NORM_CHUNK = 16384 };

typedef struct {
    int64_t n, s, c;             /* samples, positions, channels */
    int64_t k;                   /* positions side by side in a lane row */
    int64_t width;               /* channels of a slab */
    int64_t slabs, rows, chunks; /* `rows` positions make a chunk */
} ss_norm_geo;

static inline ss_norm_geo ss_norm_geometry(const ss_view *x)
{
    ss_norm_geo g = {.n = x->shape[0], .s = 1, .c = x->shape[x->ndim - 1], .k = 1, .slabs = 1};
    for (int i = 1; i < x->ndim - 1; i++) g.s *= x->shape[i];
    g.width = g.c;
    if (g.c > SS_NORM_LANES) {
        g.width = SS_NORM_LANES / 2;
        g.slabs = ss_ceil_div(g.c, g.width);
    } else if (g.c > 0) {
        g.k = ss_max64(1, 128 / g.c);
    }
    g.rows = g.width > 0 ? SS_NORM_CHUNK / (g.k * g.width) * g.k : 1;
    g.chunks = g.c > 0 ? ss_ceil_div(g.s, g.rows) : 0;
    return g;
}

/* One chunk of one slab of one sample. */
typedef struct {
    int64_t sample, chunk, j0, w, at, rows; /* first channel, channels, first element, positions */
    int64_t ld;                             /* elements between lane rows in the tensor */
    int64_t lanes;                          /* of a full lane row */
    int64_t full;                           /* full lane rows */
    int64_t tail;                           /* lanes of the last, partial one */
} ss_norm_part;

static inline ss_norm_part ss_norm_part_at(const ss_norm_geo *g, int64_t i)
{
    ss_norm_part p = {.chunk = i / g->slabs % g->chunks, .sample = i / (g->slabs * g->chunks)};
    p.j0 = i % g->slabs * g->width;
    p.w = ss_min64(g->width, g->c - p.j0);
    p.rows = ss_min64(g->rows, g->s - p.chunk * g->rows);
    p.at = (p.sample * g->s + p.chunk * g->rows) * g->c + p.j0;
    p.ld = g->k * g->c;
    p.lanes = g->k * p.w;
    p.full = p.rows / g->k;
    p.tail = p.rows % g->k * p.w;
    return p;
}

static inline int64_t ss_norm_parts(const ss_norm_geo *g)
{
    return g->n * g->chunks * g->slabs;
}

/* The chunk as f32: in place, or gathered into buf[SS_NORM_CHUNK]; *ld becomes its row distance. */
static inline const float *ss_norm_load(const ss_view *v, const ss_norm_part *p, float *buf,
                                        int64_t *ld)
{
    *ld = p->ld;
    if (v->dtype == SS_F32) return (const float *)ss_at(v, p->at);
    *ld = p->lanes;
    for (int64_t r = 0; r < p->full + (p->tail > 0); r++)
        ss_block_in(v, p->at + r * p->ld, r < p->full ? p->lanes : p->tail, buf + r * p->lanes);
    return buf;
}
static inline float *ss_norm_out(const ss_view *v, const ss_norm_part *p, float *buf, int64_t *ld)
{
    *ld = v->dtype == SS_F32 ? p->ld : p->lanes;
    return ss_block_out(v, p->at, buf);
}
static inline void ss_norm_done(const ss_view *v, const ss_norm_part *p, const float *from)
{
    if (v->dtype == SS_F32) return;
    for (int64_t r = 0; r < p->full + (p->tail > 0); r++)
        ss_block_done(v, p->at + r * p->ld, r < p->full ? p->lanes : p->tail, from + r * p->lanes);
}

/* Per-channel numbers repeated over the lanes of a row. */
static inline void ss_norm_spread(float *lanes, const float *per_channel, const ss_norm_part *p)
{
    for (int64_t q = 0; q < p->lanes / p->w; q++)
        memcpy(lanes + q * p->w, per_channel, (size_t)p->w * 4);
}
/* Lanes of one channel added up. */
static inline void ss_norm_fold(float *restrict per_channel, const float *restrict lanes,
                                const ss_norm_part *p)
{
    for (int64_t j = 0; j < p->w; j++) per_channel[j] = lanes[j];
    for (int64_t q = p->w; q < p->lanes; q += p->w)
        for (int64_t j = 0; j < p->w; j++) per_channel[j] += lanes[q + j];
}

/* Running mean and squared deviations of every lane. */
typedef struct {
    float mean[SS_NORM_LANES], m2[SS_NORM_LANES], s1[SS_NORM_LANES], s2[SS_NORM_LANES];
} ss_norm_running;

/* Adds `rows` rows to lanes that have seen n: differences from the mean so far keep their digits,
 * and what they sum to moves the mean. */
static inline void ss_norm_add_rows(ss_norm_running *a, const float *restrict v, int64_t ld,
                                    int64_t lanes, int64_t rows, int64_t n)
{
    float *restrict mean = a->mean, *restrict m2 = a->m2;
    float *restrict s1 = a->s1, *restrict s2 = a->s2;
    for (int64_t l = 0; l < lanes; l++) s1[l] = s2[l] = 0;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t l = 0; l < lanes; l++) {
            const float d = v[r * ld + l] - mean[l];
            s1[l] += d;
            s2[l] += d * d;
        }
    const float f = 1 / (float)(n + rows);
    for (int64_t l = 0; l < lanes; l++) {
        mean[l] += s1[l] * f;
        m2[l] += s2[l] - s1[l] * s1[l] * f;
    }
}

/* Mean and sum of squared deviations of a chunk: out[0..c) and out[c..2c). */
static inline void ss_norm_chunk_stats(const ss_view *x, const ss_norm_geo *g,
                                       const ss_norm_part *p, float *out)
{
    enum { ROWS = 32 };
    float buf[SS_NORM_CHUNK], acc[SS_NORM_LANES], one[SS_NORM_LANES];
    ss_norm_running a;
    int64_t ld;
    const float *v = ss_norm_load(x, p, buf, &ld);
    memcpy(a.mean, v,
           (size_t)(p->full ? p->lanes : p->tail) * 4); /* a value nearby to start from */
    memset(a.m2, 0, (size_t)p->lanes * 4);
    for (int64_t r = 0; r < p->full; r += ROWS)
        ss_norm_add_rows(&a, v + r * ld, ld, p->lanes, ss_min64(ROWS, p->full - r), r);
    if (p->tail > 0) ss_norm_add_rows(&a, v + p->full * ld, ld, p->tail, 1, p->full);
    /* lanes of one channel: the mean of their means, weighted by the rows they saw */
    float *mean = out + p->j0, *m2 = out + g->c + p->j0;
    const int64_t lanes = p->full ? p->lanes : p->tail;
    const float full = (float)p->full / (float)p->rows, more = 1 / (float)p->rows;
    for (int64_t l = 0; l < p->lanes; l++) acc[l] = 0;
    for (int64_t l = 0; l < lanes; l++) acc[l] = a.mean[l] * (l < p->tail ? full + more : full);
    ss_norm_fold(mean, acc, p);
    ss_norm_spread(one, mean, p);
    for (int64_t l = 0; l < lanes; l++) {
        const float d = a.mean[l] - one[l];
        acc[l] = a.m2[l] + (float)(p->full + (l < p->tail)) * d * d;
    }
    ss_norm_fold(m2, acc, p);
}

/* Scratch for the two functions below, in bytes. */
static inline size_t ss_norm_scratch(const ss_norm_geo *g)
{
    return (size_t)(g->n * g->chunks * 2 * g->c) * 4 + (size_t)(g->n * g->c) * 16 + 64;
}

/* Mean and sum of squared deviations (both double, [n, c]) of every sample and channel; returns
 * the means, the deviations follow them. */
static inline double *ss_norm_stats(const ss_view *x, const ss_norm_geo *g, void *scratch)
{
    double *mean = (double *)scratch, *m2 = mean + g->n * g->c;
    float *part = (float *)(m2 + g->n * g->c);
    SS_PARALLEL_FOR (i, ss_norm_parts(g), SS_NORM_CHUNK) {
        ss_norm_part p = ss_norm_part_at(g, i);
        ss_norm_chunk_stats(x, g, &p, part + (p.sample * g->chunks + p.chunk) * 2 * g->c);
    }
    memset(scratch, 0, (size_t)(g->n * g->c) * 16);
    for (int64_t i = 0; i < g->n; i++) {
        double *a = mean + i * g->c, *b = m2 + i * g->c;
        for (int64_t k = 0; k < g->chunks; k++) {
            const float *f = part + (i * g->chunks + k) * 2 * g->c;
            double w = (double)ss_min64(g->rows, g->s - k * g->rows) / (double)g->s;
            for (int64_t j = 0; j < g->c; j++) a[j] += w * (double)f[j];
        }
        for (int64_t k = 0; k < g->chunks; k++) {
            const float *f = part + (i * g->chunks + k) * 2 * g->c;
            double w = (double)ss_min64(g->rows, g->s - k * g->rows);
            for (int64_t j = 0; j < g->c; j++) {
                double d = (double)f[j] - a[j];
                b[j] += (double)f[g->c + j] + w * d * d;
            }
        }
    }
    return mean;
}

/* Joins the channels of a group (m channels each), and with `batch` all samples, in place. */
static inline void ss_norm_join(double *mean, const ss_norm_geo *g, int64_t m, bool batch)
{
    double *m2 = mean + g->n * g->c;
    int64_t samples = batch ? g->n : 1;
    for (int64_t i = 0; i < (batch ? ss_min64(g->n, 1) : g->n); i++)
        for (int64_t j = 0; j < g->c; j += m) {
            double a = 0, b = 0, parts = (double)(samples * m);
            for (int64_t q = 0; q < samples; q++)
                for (int64_t l = j; l < j + m; l++) a += mean[(i + q) * g->c + l] / parts;
            for (int64_t q = 0; q < samples; q++)
                for (int64_t l = j; l < j + m; l++) {
                    double d = mean[(i + q) * g->c + l] - a;
                    b += m2[(i + q) * g->c + l] + (double)g->s * d * d;
                }
            for (int64_t q = 0; q < samples; q++)
                for (int64_t l = j; l < j + m; l++) {
                    mean[(i + q) * g->c + l] = a;
                    m2[(i + q) * g->c + l] = b;
                }
        }
}

/* Mean and 1/sqrt(var + eps) as f32; `count` values went into each variance. */
static inline void ss_norm_finish(const double *mean, const ss_norm_geo *g, int64_t samples,
                                  double count, double eps, float *out_mean, float *out_rstd)
{
    const double *m2 = mean + g->n * g->c;
    for (int64_t i = 0; i < samples * g->c; i++) {
        double var = g->n > 0 && count > 0 ? m2[i] / count : 0;
        out_mean[i] = g->n > 0 ? (float)mean[i] : 0;
        out_rstd[i] = (float)(1 / sqrt(var + eps));
    }
}

/* What the normalising pass needs; weight, bias and residual may be absent views. */
typedef struct {
    const ss_view *x, *weight, *bias, *residual;
    const float *mean, *rstd;
    int64_t stat_stride; /* c: one row of statistics per sample; 0: one for all */
    float slope;         /* of the leaky ReLU after it; 1: none */
} ss_norm_args;

/* Lane rows of: mean, 1/sd, weight, bias. */
typedef struct {
    float mean[SS_NORM_LANES], rstd[SS_NORM_LANES], weight[SS_NORM_LANES], bias[SS_NORM_LANES];
} ss_norm_lanes;

static inline void ss_norm_constants(ss_norm_lanes *t, const ss_norm_args *a, const ss_norm_part *p)
{
    float buf[SS_NORM_LANES], one[SS_NORM_LANES], zero[SS_NORM_LANES];
    for (int64_t j = 0; j < p->w; j++) one[j] = 1, zero[j] = 0;
    const int64_t at = p->sample * a->stat_stride + p->j0;
    ss_norm_spread(t->mean, a->mean + at, p);
    ss_norm_spread(t->rstd, a->rstd + at, p);
    ss_norm_spread(t->weight, a->weight->present ? ss_block_in(a->weight, p->j0, p->w, buf) : one,
                   p);
    ss_norm_spread(t->bias, a->bias->present ? ss_block_in(a->bias, p->j0, p->w, buf) : zero, p);
}

/* y = leaky((x - mean) / sd * weight + bias + residual) */
static inline void ss_norm_apply(const ss_norm_args *a, const ss_norm_geo *g, const ss_view *y)
{
    const float slope = a->slope;
    SS_PARALLEL_FOR (i, ss_norm_parts(g), SS_NORM_CHUNK) {
        ss_norm_part p = ss_norm_part_at(g, i);
        float xb[SS_NORM_CHUNK], rb[SS_NORM_CHUNK], yb[SS_NORM_CHUNK];
        ss_norm_lanes t;
        int64_t xl, rl = 0, yl;
        ss_norm_constants(&t, a, &p);
        for (int64_t l = 0; l < p.lanes; l++) t.weight[l] *= t.rstd[l];
        const float *x = ss_norm_load(a->x, &p, xb, &xl), *res = NULL;
        if (a->residual->present) res = ss_norm_load(a->residual, &p, rb, &rl);
        float *out = ss_norm_out(y, &p, yb, &yl);
        for (int64_t r = 0; r < p.full + (p.tail > 0); r++) {
            const int64_t lanes = r < p.full ? p.lanes : p.tail;
            const float *v = x + r * xl, *e = res ? res + r * rl : NULL;
            float *o = out + r * yl;
            if (e)
                for (int64_t l = 0; l < lanes; l++) {
                    float u = (v[l] - t.mean[l]) * t.weight[l] + t.bias[l] + e[l];
                    o[l] = u > 0 ? u : slope * u;
                }
            else
                for (int64_t l = 0; l < lanes; l++) {
                    float u = (v[l] - t.mean[l]) * t.weight[l] + t.bias[l];
                    o[l] = u > 0 ? u : slope * u;
                }
        }
        ss_norm_done(y, &p, out);
    }
}

/* Shape rules: x is [n, ..., c]; weight and bias are [c], the residual is like x. */
static inline ss_status ss_norm_infer(ss_call *c, int weight, int bias, int residual)
{
    const ss_view *x = &c->in[0];
    if (x->ndim < 2) return ss_fail(c, SS_E_SHAPE, "x must be [n, ..., c], got %d axes", x->ndim);
    const int64_t ch = x->shape[x->ndim - 1];
    const int per_channel[] = {weight, bias};
    for (int i = 0; i < 2; i++) {
        const ss_view *v = &c->in[per_channel[i]];
        if (v->present && (v->ndim != 1 || v->shape[0] != ch))
            return ss_fail(c, SS_E_SHAPE, "%s must be [%lld], the channels of x",
                           i ? "bias" : "weight", (long long)ch);
    }
    if (residual < 0 || !c->in[residual].present) return SS_OK;
    const ss_view *r = &c->in[residual];
    bool same = r->ndim == x->ndim;
    for (int i = 0; same && i < x->ndim; i++) same = r->shape[i] == x->shape[i];
    return same ? SS_OK : ss_fail(c, SS_E_SHAPE, "residual must have the shape of x");
}
#endif
