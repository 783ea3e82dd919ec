/* attend_rel.h — position terms that do not fit the lengthened product: the sum over padding
 * tokens, and the official three-dimensional form.
 *
 * The official form of SAM-Med3D adds, for query (a, b, c) and key (i, j, l),
 *   q(a,b,c).Rd[a,l] + q(a,b,i).Rh[b,l] + q(a,b,j).Rw[j,l],
 * so two of the terms come from other queries of the same line (a, b). */
#ifndef SEMISAM_ATTEND_REL_H
#define SEMISAM_ATTEND_REL_H
#include "attend.h"

/* exp of one axis' terms less their largest: all, those inside the grid and those in the padding.
 */
typedef struct {
    float *e, max, all, real, pad;
} ss_at_sum;

static inline void ss_at_sum_fill(ss_at_sum *s, int64_t grid, int64_t window)
{
    s->max = s->e[0];
    for (int64_t i = 1; i < window; i++) s->max = s->e[i] > s->max ? s->e[i] : s->max;
    for (int64_t i = 0; i < window; i++) s->e[i] = ss_expf(s->e[i] - s->max);
    s->real = s->pad = 0;
    for (int64_t i = 0; i < grid; i++) s->real += s->e[i];
    for (int64_t i = grid; i < window; i++) s->pad += s->e[i];
    s->all = s->real + s->pad;
}

/* ---- textbook form ------------------------------------------------------------------------- */

typedef struct {
    ss_at_sum axis[3];
    float total; /* sum over the padding tokens, scaled by the axes' exp(max) */
} ss_at_padding;

static inline int64_t ss_at_padding_floats(const ss_attend *a)
{
    return a->window[0] + a->window[1] + a->window[2];
}

/* log sum over the padding tokens of exp(position terms) for a query at p; fills s (memory: the
 * floats above). */
static inline float ss_at_padding_log(const ss_attend *a, const float *terms, const int64_t *p,
                                      float *memory, ss_at_padding *s)
{
    float log_scale = 0, real = 1, total = 0;
    for (int x = 0; x < a->axes; x++) {
        ss_at_sum *k = &s->axis[x];
        k->e = memory;
        memory += a->window[x];
        for (int64_t i = 0; i < a->window[x]; i++) k->e[i] = terms[ss_at_col(a, x, p[x], i)];
        ss_at_sum_fill(k, a->grid[x], a->window[x]);
        log_scale += k->max;
    }
    for (int x = 0; x < a->axes; x++) { /* first padded axis: x */
        float part = real * s->axis[x].pad;
        for (int y = x + 1; y < a->axes; y++) part *= s->axis[y].all;
        total += part;
        real *= s->axis[x].real;
    }
    s->total = total;
    return ss_logf(total) + log_scale;
}

#if defined(__AVX512F__)
enum { SS_AT_SHORT = 16 };

/* The sums of one axis alone, for windows of up to one vector. The terms of its keys stand side by
 * side, that of key 0 last, at `first`. */
static inline void ss_at_short_sums(ss_at_sum *s, const float *first, int64_t grid, int64_t window)
{
    const __mmask16 all = (__mmask16)(0xffffu << (SS_AT_SHORT - window));
    const __mmask16 real = (__mmask16)(0xffffu << (SS_AT_SHORT - grid));
    const __m512 v = _mm512_mask_loadu_ps(_mm512_set1_ps(-INFINITY), all, first - SS_AT_SHORT + 1);
    float e[SS_AT_SHORT];
    s->max = _mm512_reduce_max_ps(v);
    _mm512_storeu_ps(e, _mm512_sub_ps(v, _mm512_set1_ps(s->max)));
    for (int i = 0; i < SS_AT_SHORT; i++) e[i] = ss_exp_negf(e[i]);
    const __m512 x = _mm512_loadu_ps(e);
    s->real = _mm512_mask_reduce_add_ps(real, x);
    s->pad = _mm512_mask_reduce_add_ps((__mmask16)(all & ~real), x);
    s->all = s->real + s->pad;
}

/* ss_at_padding_log() where its shares are not asked for. */
static inline float ss_at_padding_log_short(const ss_attend *a, const float *terms,
                                            const int64_t *p)
{
    float log_scale = 0, real = 1, total = 0;
    ss_at_sum axis[3];
    for (int x = 0; x < a->axes; x++) {
        ss_at_short_sums(&axis[x], terms + ss_at_col(a, x, p[x], 0), a->grid[x], a->window[x]);
        log_scale += axis[x].max;
    }
    for (int x = 0; x < a->axes; x++) { /* first padded axis: x */
        float part = real * axis[x].pad;
        for (int y = x + 1; y < a->axes; y++) part *= axis[y].all;
        total += part;
        real *= axis[x].real;
    }
    return ss_logf(total) + log_scale;
}
#endif

/* Adds the gradient d of that logarithm to the terms' gradient. */
static inline void ss_at_padding_grad(const ss_attend *a, const ss_at_padding *s, const int64_t *p,
                                      float d, float *dterms)
{
    for (int x = 0; x < a->axes; x++) {
        float all = 1, pad = 0, real = 1; /* over the other axes: everything, some padding */
        for (int y = 0; y < a->axes; y++) {
            if (y == x) continue;
            pad = pad * s->axis[y].all + real * s->axis[y].pad;
            all *= s->axis[y].all;
            real *= s->axis[y].real;
        }
        for (int64_t i = 0; i < a->window[x]; i++)
            dterms[ss_at_col(a, x, p[x], i)] +=
                d * s->axis[x].e[i] * (i < a->grid[x] ? pad : all) / s->total;
    }
}

/* ---- official form ----------------------------------------------------------------------------
 */

/* The terms that the queries of one line (a, b) share. */
typedef struct {
    float *hw;    /* [grid^3]: sum of the two terms, by key */
    float *u;     /* [window]: log of their padding sum, by the key's last index */
    float *h, *w; /* [l][i]: exp of the terms */
    ss_at_sum *sh, *sw;
    float *du, *dhw; /* gradients of u and hw */
} ss_at_line;

static inline int64_t ss_at_line_floats(const ss_attend *a)
{
    const int64_t n = a->window[0], sums = (int64_t)(sizeof(ss_at_sum) / 4);
    return 2 * a->tk + 2 * n + 2 * n * n + 2 * n * sums + 8 * 16;
}

static inline void ss_at_line_lay_out(ss_at_line *s, const ss_attend *a, float *memory)
{
    const int64_t n = a->window[0], sums = (int64_t)(sizeof(ss_at_sum) / 4);
    s->hw = ss_at_take(&memory, a->tk);
    s->dhw = ss_at_take(&memory, a->tk);
    s->u = ss_at_take(&memory, n);
    s->du = ss_at_take(&memory, n);
    s->h = ss_at_take(&memory, n * n);
    s->w = ss_at_take(&memory, n * n);
    s->sh = (ss_at_sum *)(void *)ss_at_take(&memory, n * sums);
    s->sw = (ss_at_sum *)(void *)ss_at_take(&memory, n * sums);
}

/* Row of `terms` of query i of the line that starts at token t0. */
static inline int64_t ss_at_line_row(const ss_attend *a, int64_t t0, int64_t i)
{
    return i < a->grid[2] ? t0 + i : a->tq;
}

/* Fills hw and, with padding, u, for the line of query (p0, p1, .) whose first token is t0. */
static inline void ss_at_line_fill(ss_at_line *s, const ss_attend *a, const float *terms,
                                   int64_t t0, int64_t p1)
{
    const int64_t g = a->grid[0], n = a->window[0];
    for (int64_t l = 0; l < n; l++) {
        float *h = s->h + l * n, *w = s->w + l * n;
        for (int64_t i = 0; i < n; i++) {
            const float *row = terms + ss_at_line_row(a, t0, i) * a->cp;
            h[i] = row[ss_at_col(a, 1, p1, l)];
            w[i] = row[ss_at_col(a, 2, i, l)];
        }
        for (int64_t i = 0; i < g && l < g; i++)
            for (int64_t j = 0; j < g; j++) s->hw[(i * g + j) * g + l] = h[i] + w[j];
        if (!a->pad) continue;
        s->sh[l].e = h;
        s->sw[l].e = w;
        ss_at_sum_fill(&s->sh[l], g, n);
        ss_at_sum_fill(&s->sw[l], g, n);
        const ss_at_sum *x = &s->sh[l], *y = &s->sw[l];
        const float sum = l < g ? x->pad * y->all + x->real * y->pad : x->all * y->all;
        s->u[l] = ss_logf(sum) + x->max + y->max;
    }
    memset(s->dhw, 0, (size_t)a->tk * 4);
    memset(s->du, 0, (size_t)n * 4);
}

/* log sum over the padding tokens for the query with row `terms` at p0; e[window] keeps the
 * shares of the last index, which sum to 1. */
static inline float ss_at_line_log(const ss_at_line *s, const ss_attend *a, const float *terms,
                                   int64_t p0, float *e)
{
    ss_at_sum k = {.e = e};
    for (int64_t l = 0; l < a->window[0]; l++) e[l] = terms[ss_at_col(a, 0, p0, l)] + s->u[l];
    ss_at_sum_fill(&k, a->window[0], a->window[0]);
    for (int64_t l = 0; l < a->window[0]; l++) e[l] /= k.all;
    return ss_logf(k.all) + k.max;
}

/* Passes du and dhw on to the terms of the line's queries. */
static inline void ss_at_line_grad(const ss_at_line *s, const ss_attend *a, int64_t t0, int64_t p1,
                                   float *dterms)
{
    const int64_t g = a->grid[0], n = a->window[0];
    for (int64_t l = 0; l < n; l++)
        for (int64_t i = 0; i < n; i++) {
            float dh = 0, dw = 0;
            for (int64_t j = 0; j < g && i < g && l < g; j++) {
                dh += s->dhw[(i * g + j) * g + l];
                dw += s->dhw[(j * g + i) * g + l];
            }
            if (a->pad) {
                const ss_at_sum *x = &s->sh[l], *y = &s->sw[l];
                const bool in = i < g && l < g;
                const float sum = l < g ? x->pad * y->all + x->real * y->pad : x->all * y->all;
                dh += s->du[l] * x->e[i] * (in ? y->pad : y->all) / sum;
                dw += s->du[l] * y->e[i] * (in ? x->pad : x->all) / sum;
            }
            float *row = dterms + ss_at_line_row(a, t0, i) * a->cp;
            row[ss_at_col(a, 1, p1, l)] += dh;
            row[ss_at_col(a, 2, i, l)] += dw;
        }
}

/* ---- both, and the additive bias --------------------------------------------------------------
 */

typedef struct {
    float *bias, *sums;
    ss_at_padding padding; /* of the last query, textbook form */
    ss_at_line line;
    int64_t line_at; /* first token of the line that `line` describes; -1: none */
    bool forward;    /* `padding` is not asked for */
} ss_at_terms;

static inline void ss_at_terms_lay_out(ss_at_terms *m, const ss_attend *a, float **from)
{
    m->bias = ss_at_take(from, a->tk);
    m->sums = ss_at_take(from, ss_at_padding_floats(a));
    m->line_at = -1;
    m->forward = false;
    if (a->rel == SS_REL_3D_OFFICIAL)
        ss_at_line_lay_out(&m->line, a, ss_at_take(from, ss_at_line_floats(a)));
}

/* Offset of bias for query t of a head. */
static inline int64_t ss_at_bias_at(const ss_view *b, int64_t n, int64_t h, int64_t t)
{
    return (b->shape[0] > 1 ? n * b->stride[0] : 0) + (b->shape[1] > 1 ? h * b->stride[1] : 0) +
           t * b->stride[2];
}

/* What the product left out of the logits of query t at p, for all real keys; NULL: nothing.
 * `terms` are those of the whole unit. */
static inline const float *ss_at_row_terms(const ss_call *c, const ss_attend *a, const float *terms,
                                           ss_at_terms *m, int64_t n, int64_t h, int64_t t,
                                           const int64_t *p)
{
    const ss_view *b = &c->in[SS_AT_BIAS];
    const float *add = NULL;
    if (b->present) {
        add = m->bias;
        if (b->stride[3] == 1)
            add = ss_block_in(b, ss_at_bias_at(b, n, h, t), a->tk, m->bias);
        else
            ss_at_matrix_row(m->bias, b, ss_at_bias_at(b, n, h, t), 3);
    }
    if (a->rel != SS_REL_3D_OFFICIAL) return add;
    const int64_t t0 = t - p[2];
    if (m->line_at != t0) ss_at_line_fill(&m->line, a, terms, t0, p[1]);
    m->line_at = t0;
    if (!add) return m->line.hw;
    for (int64_t i = 0; i < a->tk; i++) m->bias[i] = add[i] + m->line.hw[i];
    return m->bias;
}

/* Adds to the logits s of query t what the product left out. */
static inline void ss_at_add_terms(const ss_call *c, const ss_attend *a, const ss_at_unit *u,
                                   ss_at_terms *m, int64_t n, int64_t h, int64_t t,
                                   float *restrict s)
{
    const float *terms = u->terms + t * a->cp;
    int64_t p[3] = {0};
    ss_at_place(a, t, p);
    const float *add = ss_at_row_terms(c, a, u->terms, m, n, h, t, p);
    for (int64_t i = 0; add && i < a->tk; i++) s[i] += add[i];
    if (!a->pad) return;
    if (a->rel == SS_REL_3D_OFFICIAL) s[a->tk] += ss_at_line_log(&m->line, a, terms, p[0], m->sums);
#if defined(__AVX512F__)
    else if (a->rel && m->forward && a->largest <= SS_AT_SHORT)
        s[a->tk] += ss_at_padding_log_short(a, terms, p);
#endif
    else
        s[a->tk] += a->rel ? ss_at_padding_log(a, terms, p, m->sums, &m->padding) : (float)a->empty;
}
#endif
