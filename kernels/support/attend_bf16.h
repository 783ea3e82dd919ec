/* attend_bf16.h — attention in bf16 on the tile unit (amx.h): a block of queries against a chunk of
 * keys at a time, with a running maximum (T. Dao et al., FlashAttention, 2022).
 *
 * Logits, sums and results are f32; keys, values and probabilities are bf16. */
#ifndef SEMISAM_ATTEND_BF16_H
#define SEMISAM_ATTEND_BF16_H
#include "attend_pack.h"

#if defined(__AVX512F__)
static inline bool ss_ab_view_fits(const ss_view *v)
{
    return v->dtype == SS_BF16 && v->stride[3] == 1;
}

/* Whether the call is for this code: q, k and v are bf16, and not tiny. */
static inline bool ss_ab_wanted(const ss_call *c, const ss_attend *a)
{
    bool fits = a->e >= SS_AB_LANES && a->tk >= 8 && a->tq >= 4 && fabsf(a->scale) > 1e-6f &&
                fabsf(a->scale) < 1e6f;
    for (int i = SS_AT_Q; i <= SS_AT_V; i++) fits = fits && ss_ab_view_fits(&c->in[i]);
    return fits && ss_amx();
}

/* Scratch that ss_ab_run needs. */
static inline size_t ss_ab_bytes(const ss_attend *a)
{
    static char origin; /* sizes are counted from some address */
    const ss_ab b = ss_ab_of(a, &origin);
    return b.common + (size_t)b.slots * b.slot + (size_t)omp_get_max_threads() * b.local;
}

/* ---- position terms and padding ------------------------------------------------------------- */

/* The terms of query row `terms` that lengthen its q, each as two bf16 numbers. */
SS_AB_CODE static inline void ss_ab_lengthen(const ss_attend *a, const float *terms,
                                             const int32_t *p, uint16_t *to)
{
    const bool official = a->rel == SS_REL_3D_OFFICIAL;
    const __m512 f = _mm512_set1_ps(1 / a->scale);
    for (int x = official ? 2 : 0; x < a->axes; x++) {
        const int axis = official ? 0 : x;
        const float *first = terms + ss_at_col(a, axis, p[axis], 0);
        for (int64_t i = 0; i < a->grid[x]; i += SS_AB_LANES) {
            const int64_t n = ss_min64(SS_AB_LANES, a->grid[x] - i);
            const __mmask16 top = (__mmask16)(0xffffu << (SS_AB_LANES - n));
            const __mmask16 some = (__mmask16)ss_ab_first(n);
            __m512 v = _mm512_maskz_loadu_ps(top, first - i - SS_AB_LANES + 1);
            v = _mm512_mul_ps(ss_ab_back(v), f);
            const __m256i much = ss_ab_half(v),
                          rest = ss_ab_half(_mm512_sub_ps(v, ss_ab_wide(much)));
            _mm256_mask_storeu_epi16(to + i, some, much);
            _mm256_mask_storeu_epi16(to + a->ext + i, some, rest);
        }
        to += a->grid[x];
    }
}

/* log sum over the padding tokens of exp(terms), textbook form, for 16 queries whose rows of terms
 * and places are given; windows of up to 16. */
static inline __m512 ss_ab_padding_logs(const ss_attend *a, const float *const terms[SS_AB_LANES],
                                        const int32_t *const p[SS_AB_LANES])
{
    __m512 real = _mm512_set1_ps(1), total = _mm512_setzero_ps(), top = total;
    __m512 axis_real[3], axis_pad[3], axis_all[3];
    for (int x = 0; x < a->axes; x++) {
        const __mmask16 all = (__mmask16)(0xffffu << (SS_AB_LANES - a->window[x]));
        __m512i rows[SS_AB_LANES], e[SS_AB_LANES]; /* key i is e[15 - i] */
        for (int i = 0; i < SS_AB_LANES; i++)
            rows[i] = _mm512_maskz_loadu_epi32(all, terms[i] + ss_at_col(a, x, p[i][x], 0) -
                                                        SS_AB_LANES + 1);
        ss_ab_turn(rows, e);
        __m512 max = _mm512_castsi512_ps(e[SS_AB_LANES - 1]);
        for (int64_t i = 1; i < a->window[x]; i++)
            max = _mm512_max_ps(max, _mm512_castsi512_ps(e[SS_AB_LANES - 1 - i]));
        axis_real[x] = axis_pad[x] = _mm512_setzero_ps();
        for (int64_t i = 0; i < a->window[x]; i++) {
            const __m512 v =
                ss_ab_exp(_mm512_sub_ps(_mm512_castsi512_ps(e[SS_AB_LANES - 1 - i]), max));
            if (i < a->grid[x])
                axis_real[x] = _mm512_add_ps(axis_real[x], v);
            else
                axis_pad[x] = _mm512_add_ps(axis_pad[x], v);
        }
        axis_all[x] = _mm512_add_ps(axis_real[x], axis_pad[x]);
        top = _mm512_add_ps(top, max);
    }
    for (int x = 0; x < a->axes; x++) { /* first padded axis: x */
        __m512 part = _mm512_mul_ps(real, axis_pad[x]);
        for (int y = x + 1; y < a->axes; y++) part = _mm512_mul_ps(part, axis_all[y]);
        total = _mm512_add_ps(total, part);
        real = _mm512_mul_ps(real, axis_real[x]);
    }
    return _mm512_add_ps(ss_ab_log(total), top);
}

/* Logits of the padding tokens' key for queries [t0, t0 + count), whose rows are in m->q; without
 * the terms of the official form. */
static inline void ss_ab_pad_logits(const ss_attend *a, const ss_ab *b, const ss_ab_common *common,
                                    const ss_ab_slot *slot, ss_ab_memory *m, int64_t t0,
                                    int64_t count, float *logit)
{
    const float *key = slot->pad + b->ep;
    for (int64_t r = 0; r < count; r += SS_AB_LANES) {
        const int64_t n = ss_min64(SS_AB_LANES, count - r);
        const float *terms[SS_AB_LANES];
        const int32_t *p[SS_AB_LANES];
        __m512 sum[SS_AB_LANES];
        for (int64_t i = 0; i < SS_AB_LANES; i++) {
            const int64_t row = r + ss_min64(i, n - 1);
            const uint16_t *q = m->q + row * (b->ep + b->xp);
            sum[i] = _mm512_setzero_ps();
            for (int64_t j = 0; j < b->ep; j += SS_AB_LANES)
                sum[i] = _mm512_fmadd_ps(ss_ab_load(q + j), _mm512_loadu_ps(key + j), sum[i]);
            terms[i] = slot->terms + (t0 + row) * b->cp;
            p[i] = common->place + (t0 + row) * 4;
        }
        const __m512 base = _mm512_set1_ps(a->rel ? 0 : (float)a->empty);
        __m512 x = _mm512_fmadd_ps(ss_ab_sum_of(sum), _mm512_set1_ps(a->scale), base);
        const bool textbook = ss_at_textbook(a);
        if (textbook && a->largest <= SS_AB_LANES)
            x = _mm512_add_ps(x, ss_ab_padding_logs(a, terms, p));
        _mm512_storeu_ps(logit + r, x);
        for (int64_t i = 0; i < n && textbook && a->largest > SS_AB_LANES; i++)
            logit[r + i] += ss_at_padding_log(a, terms[i], (int64_t[]){p[i][0], p[i][1], p[i][2]},
                                              m->terms.sums, &m->terms.padding);
    }
}

/* What the queries of one line share, as ss_at_line_fill(): fills line.hw and, with padding,
 * line.u, for windows of up to 16. */
static inline void ss_ab_line_fill(const ss_attend *a, const float *terms, ss_at_line *line,
                                   int64_t t0, int64_t p1)
{
    const int64_t g = a->grid[0], n = a->window[0];
    const __mmask16 top = (__mmask16)(0xffffu << (SS_AB_LANES - n));
    const __mmask16 some = (__mmask16)ss_ab_first(g);
    __m512 x[2][SS_AB_LANES]; /* terms of h and w by key index; lanes: the key's last index */
    for (int64_t i = 0; i < n; i++) {
        const float *row = terms + ss_at_line_row(a, t0, i) * a->cp - SS_AB_LANES + 1;
        x[0][i] = ss_ab_back(_mm512_maskz_loadu_ps(top, row + ss_at_col(a, 1, p1, 0)));
        x[1][i] = ss_ab_back(_mm512_maskz_loadu_ps(top, row + ss_at_col(a, 2, i, 0)));
    }
    for (int64_t i = 0; i < g; i++)
        for (int64_t j = 0; j < g; j++)
            _mm512_mask_storeu_ps(line->hw + (i * g + j) * g, some,
                                  _mm512_add_ps(x[0][i], x[1][j]));
    if (!a->pad) return;
    __m512 max[2], real[2], pad[2], all[2];
    for (int y = 0; y < 2; y++) {
        max[y] = x[y][0];
        real[y] = pad[y] = _mm512_setzero_ps();
        for (int64_t i = 1; i < n; i++) max[y] = _mm512_max_ps(max[y], x[y][i]);
        for (int64_t i = 0; i < n; i++) {
            const __m512 e = ss_ab_exp(_mm512_sub_ps(x[y][i], max[y]));
            if (i < g)
                real[y] = _mm512_add_ps(real[y], e);
            else
                pad[y] = _mm512_add_ps(pad[y], e);
        }
        all[y] = _mm512_add_ps(real[y], pad[y]);
    }
    const __m512 inside = _mm512_fmadd_ps(pad[0], all[1], _mm512_mul_ps(real[0], pad[1]));
    const __m512 sum = _mm512_mask_blend_ps(some, _mm512_mul_ps(all[0], all[1]), inside);
    const __m512 u = _mm512_add_ps(ss_ab_log(sum), _mm512_add_ps(max[0], max[1]));
    _mm512_mask_storeu_ps(line->u, (__mmask16)ss_ab_first(n), u);
}

/* ss_at_line_log() for windows of up to 16. */
static inline float ss_ab_line_log(const ss_attend *a, const float *terms, const ss_at_line *line,
                                   int64_t p0)
{
    const int64_t n = a->window[0];
    const __mmask16 top = (__mmask16)(0xffffu << (SS_AB_LANES - n));
    const __mmask16 some = (__mmask16)ss_ab_first(n);
    const float *from = terms + ss_at_col(a, 0, p0, 0) - SS_AB_LANES + 1;
    const __m512 x = _mm512_mask_add_ps(_mm512_set1_ps(-INFINITY), some,
                                        ss_ab_back(_mm512_maskz_loadu_ps(top, from)),
                                        _mm512_maskz_loadu_ps(some, line->u));
    const float max = _mm512_reduce_max_ps(x);
    const __m512 e = ss_ab_exp(_mm512_sub_ps(x, _mm512_set1_ps(max)));
    return ss_logf(_mm512_reduce_add_ps(e)) + max;
}

/* ---- blocks --------------------------------------------------------------------------------- */

/* Running state of the queries of a block. */
typedef struct {
    float top[SS_AB_ROWS], sum[SS_AB_ROWS]; /* largest logit, sum of exp(logit - top) */
    float pad[SS_AB_ROWS];
} ss_ab_state;

/* Fills m->q and, with padding tokens, state->pad. */
SS_AB_CODE static inline void ss_ab_begin(const ss_call *c, const ss_attend *a, const ss_ab *b,
                                          const ss_ab_common *common, const ss_ab_slot *slot,
                                          ss_ab_memory *m, int64_t unit, int64_t t0, int64_t count,
                                          ss_ab_state *state)
{
    const int64_t rows = ss_round_up(count, SS_AMX_PANEL), ld = b->ep + b->xp;
    memset(m->q + count * ld, 0, (size_t)((rows - count) * ld) * 2);
    memset(m->p + count * b->chunk, 0, (size_t)((rows - count) * b->chunk) * 2);
    ss_ab_queries(c, a, b, slot, unit, t0, count, m->q, ld);
    for (int64_t r = 0; r < count && a->rel; r++) {
        uint16_t *to = m->q + r * ld + b->ep;
        memset(to, 0, (size_t)b->xp * 2);
        ss_ab_lengthen(a, slot->terms + (t0 + r) * b->cp, common->place + (t0 + r) * 4, to);
    }
    if (a->pad) ss_ab_pad_logits(a, b, common, slot, m, t0, count, state->pad);
}

/* Row r of the logits of a chunk gets what the product left out; returns its lanes' largest. */
static inline __m512 ss_ab_complete(const ss_call *c, const ss_attend *a, const ss_ab *b,
                                    const ss_ab_common *common, const ss_ab_slot *slot,
                                    ss_ab_memory *m, int64_t unit, int64_t t, int64_t k0, float *s,
                                    float *pad)
{
    const int64_t n = unit / a->heads, h = unit % a->heads, real = ss_min64(b->chunk, a->tk - k0);
    const float *add = NULL, *terms = slot->terms + t * b->cp;
    const bool line = a->rel == SS_REL_3D_OFFICIAL, near = a->largest <= SS_AB_LANES;
    if (!line && !c->in[SS_AT_BIAS].present) return ss_ab_max(s, NULL, real, a->scale);
    int64_t p[3] = {0};
    for (int x = 0; x < a->axes && a->rel; x++) p[x] = common->place[t * 4 + x];
    if (line && near && m->terms.line_at != t - p[2]) {
        m->terms.line_at = t - p[2];
        ss_ab_line_fill(a, slot->terms, &m->terms.line, t - p[2], p[1]);
    }
    add = ss_at_row_terms(c, a, slot->terms, &m->terms, n, h, t, p);
    if (line && a->pad && !k0)
        *pad += near ? ss_ab_line_log(a, terms, &m->terms.line, p[0])
                     : ss_at_line_log(&m->terms.line, a, terms, p[0], m->terms.sums);
    return ss_ab_max(s, add + k0, real, a->scale);
}

/* Up to 16 rows of logits, whose lanes' largest are in `max`, become probabilities; earlier results
 * are scaled to them. `scale` is what the logits still lack. */
SS_AB_CODE static inline void ss_ab_rows(const ss_attend *a, const ss_ab *b, const ss_ab_slot *slot,
                                         ss_ab_memory *m, const __m512 *max, float scale,
                                         int64_t k0, int64_t r0, int64_t n, ss_ab_state *state)
{
    const int64_t real = ss_min64(b->chunk, a->tk - k0), np = ss_round_up(real, SS_AMX_BLOCK);
    const __m512 none = _mm512_set1_ps(-INFINITY);
    const __m512 old = k0       ? _mm512_loadu_ps(state->top + r0)
                       : a->pad ? _mm512_loadu_ps(state->pad + r0)
                                : none;
    const __m512 before = k0 ? _mm512_loadu_ps(state->sum + r0) : _mm512_set1_ps(1);
    __m512 top = _mm512_max_ps(ss_ab_max_of(max), old), sum[SS_AB_LANES];
    top = _mm512_mask_mov_ps(top, _mm512_cmp_ps_mask(top, none, _CMP_EQ_OQ), _mm512_setzero_ps());
    const __m512 factor = ss_ab_exp(_mm512_sub_ps(old, top));
    float f[SS_AB_LANES];
    _mm512_storeu_ps(f, factor);
    _mm512_storeu_ps(state->top + r0, top);
    for (int64_t i = n; i < SS_AB_LANES; i++) sum[i] = _mm512_setzero_ps();
    for (int64_t i = 0; i < n; i++)
        sum[i] = ss_ab_softmax(m->s + (r0 + i) * b->chunk, real, np, scale, state->top[r0 + i],
                               m->p + (r0 + i) * b->chunk);
    _mm512_storeu_ps(state->sum + r0, _mm512_fmadd_ps(before, factor, ss_ab_sum_of(sum)));
    for (int64_t i = 0; i < n && (k0 || a->pad); i++) {
        float *o = m->o + (r0 + i) * b->ep;
        const float *from = k0 ? o : slot->pad + 2 * b->ep;
        if (k0 && f[i] == 1) continue;
        for (int64_t j = 0; j < b->ep; j++) o[j] = from[j] * f[i];
    }
}

SS_AB_CODE static inline void ss_ab_end(ss_call *c, const ss_attend *a, const ss_ab *b,
                                        const ss_ab_memory *m, int64_t unit, int64_t t0,
                                        int64_t count, ss_ab_state *state)
{
    const int64_t n = unit / a->heads, h = unit % a->heads;
    float *lse = ss_out_f32(c, 1) + unit * a->tq + t0;
    for (int64_t r = 0; r < count; r += SS_AB_LANES) {
        const __m512 sum = _mm512_loadu_ps(state->sum + r);
        const __m512 log = _mm512_add_ps(_mm512_loadu_ps(state->top + r), ss_ab_log(sum));
        _mm512_mask_storeu_ps(lse + r, (__mmask16)ss_ab_first(count - r), log);
        _mm512_storeu_ps(state->sum + r, _mm512_div_ps(_mm512_set1_ps(1), sum));
    }
    for (int64_t r = 0; r < count; r++) {
        uint16_t *to = (uint16_t *)ss_at(&c->out[0], ((n * a->tq + t0 + r) * a->heads + h) * a->e);
        const __m512 f = _mm512_set1_ps(state->sum[r]);
        for (int64_t j = 0; j < a->e; j += SS_AB_LANES)
            _mm256_mask_storeu_epi16(
                to + j, (__mmask16)ss_ab_first(a->e - j),
                ss_ab_half(_mm512_mul_ps(f, _mm512_loadu_ps(m->o + r * b->ep + j))));
    }
}

/* Asks for what the next unit reads, and for where queries [t0, t0 + count) of this one go, ahead
 * of time: the rows of one head lie a whole token apart, which the processor does not foresee. */
static inline void ss_ab_ahead(const ss_call *c, const ss_attend *a, const ss_ab *b, int64_t unit,
                               int64_t t0, int64_t count)
{
    const int64_t next = unit + 1, each = ss_ceil_div(a->tk, a->tq);
    const ss_view *y = &c->out[0];
    for (int64_t r = t0; r < t0 + count; r++)
        for (int64_t j = 0; j < a->e; j += 32)
            __builtin_prefetch((const uint16_t *)y->data + j +
                                   ((unit / a->heads * a->tq + r) * a->heads + unit % a->heads) *
                                       a->e,
                               1, 2);
    if (b->shared || next >= a->n * a->heads || each > 8) return;
    for (int i = SS_AT_Q; i <= SS_AT_V; i++) {
        const ss_view *v = &c->in[i];
        const int64_t rows = i == SS_AT_Q ? 1 : each,
                      end = ss_min64((t0 + count) * rows, v->shape[1]);
        const uint16_t *from = ss_ab_row(v, next / a->heads, next % a->heads, 0);
        for (int64_t t = t0 * rows; t < end; t++)
            for (int64_t j = 0; j < a->e; j += 32)
                __builtin_prefetch(from + t * v->stride[1] + j, 0, 2);
    }
}

/* Queries [t0, t0 + count) of a unit. */
SS_AB_CODE static inline void ss_ab_block(ss_call *c, const ss_attend *a, const ss_ab *b,
                                          const ss_ab_common *common, const ss_ab_slot *slot,
                                          ss_ab_memory *m, int64_t unit, int64_t t0, int64_t count)
{
    const int64_t rows = ss_round_up(count, SS_AMX_PANEL), ld = b->ep + b->xp;
    const bool added = a->rel == SS_REL_3D_OFFICIAL || c->in[SS_AT_BIAS].present;
    ss_ab_state state;
    ss_ab_ahead(c, a, b, unit, t0, count);
    ss_ab_begin(c, a, b, common, slot, m, unit, t0, count, &state);
    for (int64_t k0 = 0; k0 < a->tk; k0 += b->chunk) {
        const int64_t real = ss_min64(b->chunk, a->tk - k0);
        ss_amx_gemm(rows, ss_round_up(real, SS_AMX_PANEL), ld, m->q, ld, slot->k + k0 * ld,
                    SS_AMX_PANEL * ld, m->s, b->chunk, false);
        for (int64_t r = 0; r < count; r += SS_AB_LANES) {
            const int64_t n = ss_min64(SS_AB_LANES, count - r);
            __m512 max[SS_AB_LANES];
            for (int64_t i = 0; i < SS_AB_LANES; i++)
                max[i] = i < n ? ss_ab_complete(c, a, b, common, slot, m, unit, t0 + r + i, k0,
                                                m->s + (r + i) * b->chunk, &state.pad[r + i])
                               : _mm512_setzero_ps();
            ss_ab_rows(a, b, slot, m, max, added ? 1 : a->scale, k0, r, n, &state);
        }
        ss_amx_gemm(rows, b->ep, ss_round_up(real, SS_AMX_BLOCK), m->p, b->chunk,
                    slot->v + k0 * SS_AMX_PANEL, SS_AMX_PANEL * b->kp, m->o, b->ep,
                    k0 > 0 || a->pad);
    }
    ss_ab_end(c, a, b, m, unit, t0, count, &state);
}

/* A thread's part of all blocks, counted over units and queries. */
static inline void ss_ab_work(ss_call *c, const ss_attend *a, const ss_ab *b,
                              const ss_ab_common *common, ss_ab_memory *m, int64_t thread,
                              int64_t threads)
{
    const int64_t blocks = ss_ceil_div(a->tq, b->rows), total = a->n * a->heads * blocks;
    int64_t packed = -1;
    for (int64_t i = total * thread / threads; i < total * (thread + 1) / threads; i++) {
        const int64_t unit = i / blocks, t0 = i % blocks * b->rows;
        ss_ab_slot slot;
        if (ss_cancelled(c)) return;
        ss_ab_slot_of(b, a, ss_ab_slot_at(b, b->shared ? unit : thread), &slot);
        if (unit != packed && !b->shared) {
            if (a->pad) ss_ab_pack_pad(c, b, &slot, unit % a->heads);
            for (int64_t j = 0; j < ss_ab_parts(a, b); j++)
                ss_ab_pack(c, a, b, common, &slot, unit, j, m->q);
        }
        if (unit != packed) m->terms.line_at = -1;
        packed = unit;
        ss_ab_block(c, a, b, common, &slot, m, unit, t0, ss_min64(b->rows, a->tq - t0));
    }
}

static inline void ss_ab_run(ss_call *c, const ss_attend *a)
{
    const ss_ab b = ss_ab_of(a, c->scratch);
    const int64_t parts = ss_ab_parts(a, &b), units = b.shared ? a->n * a->heads : 0;
    ss_ab_common common;
    ss_ab_common_of(&b, a, b.base, &common);
    ss_ab_pack_common(a, &b, &common);
    for (int64_t i = 0; i < units && a->pad; i++) {
        ss_ab_slot slot;
        ss_ab_slot_of(&b, a, ss_ab_slot_at(&b, i), &slot);
        ss_ab_pack_pad(c, &b, &slot, i % a->heads);
    }
#pragma omp parallel if (a->n * a->heads * a->tq * b.kp > SS_GRAIN)
    {
        ss_ab_memory m;
        ss_ab_memory_of(&b, a, ss_ab_memory_at(&b, omp_get_thread_num()), &m);
        ss_amx_begin();
#pragma omp for schedule(static)
        for (int64_t i = 0; i < units * parts; i++) {
            ss_ab_slot slot;
            ss_ab_slot_of(&b, a, ss_ab_slot_at(&b, i / parts), &slot);
            ss_ab_pack(c, a, &b, &common, &slot, i / parts, i % parts, m.q);
        }
        ss_ab_work(c, a, &b, &common, &m, omp_get_thread_num(), omp_get_num_threads());
        ss_amx_end();
    }
}

#else /* no processor has the tile unit without these vectors */
static inline size_t ss_ab_bytes(const ss_attend *a)
{
    (void)a;
    return 0;
}
static inline bool ss_ab_wanted(const ss_call *c, const ss_attend *a)
{
    (void)c, (void)a;
    return false;
}
static inline void ss_ab_run(ss_call *c, const ss_attend *a)
{
    (void)c, (void)a;
}
#endif
#endif
