/* attend_bf16.h — attention in bf16 on the tile unit (amx.h): a block of queries against a chunk of
 * keys at a time, with a running maximum (T. Dao et al., FlashAttention, 2022).
 *
 * Logits, sums and results are f32; keys, values and probabilities are bf16. Keys and values are
 * packed once for all threads. */
#ifndef SEMISAM_ATTEND_BF16_H
#define SEMISAM_ATTEND_BF16_H
#include "amx.h"
#include "attend.h"

#if defined(__AVX512F__)
enum { SS_AB_CHUNK = 256, SS_AB_ROWS = 128, SS_AB_LANES = 16 };

typedef struct {
    int64_t kp, ep;     /* keys and e, rounded up to a block */
    int64_t rows;       /* queries at a time */
    uint16_t *k, *v;    /* packed: units * kp * ep elements each */
    int64_t unit_bytes; /* of one of them */
    size_t local, all;  /* bytes of one thread's memory, of everything */
} ss_ab;

/* One thread's memory. */
typedef struct {
    uint16_t *q, *p; /* queries, probabilities */
    float *s, *o;    /* logits, results */
    float *row;
} ss_ab_memory;

static inline bool ss_ab_view_fits(const ss_view *v)
{
    return v->dtype == SS_BF16 && v->stride[3] == 1;
}

/* Whether the call is for this code: bf16, nothing added to the logits, and not tiny. */
static inline bool ss_ab_wanted(const ss_call *c, const ss_attend *a)
{
    return a->rel == SS_REL_NONE && !c->in[SS_AT_BIAS].present && a->e >= 32 && a->keys >= 32 &&
           a->tq >= 16 && ss_ab_view_fits(&c->in[SS_AT_Q]) && ss_ab_view_fits(&c->in[SS_AT_K]) &&
           ss_ab_view_fits(&c->in[SS_AT_V]) && ss_amx();
}

static inline ss_ab ss_ab_of(const ss_attend *a, void *scratch)
{
    ss_ab b = {.kp = ss_round_up(a->keys, SS_AMX_BLOCK), .ep = ss_round_up(a->e, SS_AMX_BLOCK)};
    const int64_t units = a->n * a->heads, threads = omp_get_max_threads();
    b.rows = ss_min64(SS_AB_ROWS, ss_round_up(a->tq, SS_AMX_BLOCK));
    while (b.rows > SS_AMX_BLOCK && units * ss_ceil_div(a->tq, b.rows) < 2 * threads)
        b.rows = ss_round_up(b.rows / 2, SS_AMX_BLOCK);
    b.unit_bytes = b.kp * b.ep * 2;
    b.k = (uint16_t *)scratch;
    b.v = b.k + units * b.kp * b.ep;
    b.local = (size_t)(b.rows * (b.ep * 6 + SS_AB_CHUNK * 6) + ss_round_up(a->e * 4, 64));
    b.all = (size_t)(2 * units * b.unit_bytes) + (size_t)threads * b.local;
    return b;
}

/* Scratch that ss_ab_run needs. */
static inline size_t ss_ab_bytes(const ss_attend *a)
{
    return ss_ab_of(a, NULL).all;
}

static inline ss_ab_memory ss_ab_memory_of(const ss_ab *b, const ss_attend *a, int64_t thread)
{
    char *at = (char *)b->k + 2 * a->n * a->heads * b->unit_bytes + thread * (int64_t)b->local;
    ss_ab_memory m = {.s = (float *)(void *)at};
    m.o = m.s + b->rows * SS_AB_CHUNK;
    m.q = (uint16_t *)(m.o + b->rows * b->ep);
    m.p = m.q + b->rows * b->ep;
    m.row = (float *)(void *)(m.p + b->rows * SS_AB_CHUNK);
    return m;
}

/* Row t of a head, and zeros up to ep. t = tk: that of the padding tokens. */
static inline void ss_ab_row(const ss_call *c, const ss_attend *a, int in, int64_t n, int64_t h,
                             int64_t t, int64_t ep, uint16_t *to)
{
    const ss_view *v = &c->in[in];
    memset(to + a->e, 0, (size_t)(ep - a->e) * 2);
    if (t < v->shape[1]) {
        memcpy(to, ss_at(v, n * v->stride[0] + t * v->stride[1] + h * v->stride[2]),
               (size_t)a->e * 2);
        return;
    }
    const ss_view *pad = &c->in[SS_AT_PAD];
    for (int64_t j = 0; j < a->e; j++) {
        float one;
        to[j] = ss_f32_to_bf16(*ss_block_in(
            pad, in * pad->stride[0] + h * pad->stride[1] + j * pad->stride[2], 1, &one));
    }
}

/* Keys [t0, t0 + 32) of a unit: K as columns, V as rows of the packed matrices. */
static inline void ss_ab_pack(const ss_call *c, const ss_attend *a, const ss_ab *b, int64_t unit,
                              int64_t t0, uint16_t *row)
{
    uint16_t *k = b->k + unit * b->kp * b->ep, *v = b->v + unit * b->kp * b->ep;
    const int64_t n = unit / a->heads, h = unit % a->heads;
    for (int64_t t = t0; t < t0 + SS_AMX_BLOCK; t++) {
        uint16_t *kt = k + t / SS_AMX_PANEL * SS_AMX_PANEL * b->ep + t % SS_AMX_PANEL * 2;
        uint16_t *vt = v + ss_amx_index(t, 0);
        const bool real = t < a->keys;
        if (real)
            ss_ab_row(c, a, SS_AT_K, n, h, t, b->ep, row);
        else
            memset(row, 0, (size_t)b->ep * 2);
        for (int64_t j = 0; j < b->ep; j += 2) memcpy(kt + j * SS_AMX_PANEL, row + j, 4);
        if (real) ss_ab_row(c, a, SS_AT_V, n, h, t, b->ep, row);
        for (int64_t j0 = 0; j0 < b->ep; j0 += SS_AMX_PANEL)
            for (int64_t j = 0; j < SS_AMX_PANEL; j++) vt[j0 * b->kp + j * 2] = row[j0 + j];
    }
}

/* Largest of s[n] * scale and `top`; NaN is passed over, the sums keep it. */
static inline float ss_ab_max(const float *s, int64_t n, float scale, float top)
{
    const __m512 f = _mm512_set1_ps(scale);
    __m512 max = _mm512_set1_ps(top);
    int64_t i = 0;
    for (; i + SS_AB_LANES <= n; i += SS_AB_LANES)
        max = _mm512_max_ps(_mm512_mul_ps(_mm512_loadu_ps(s + i), f), max);
    if (i < n) {
        const __mmask16 rest = (__mmask16)((1u << (n - i)) - 1);
        const __m512 x = _mm512_mul_ps(_mm512_maskz_loadu_ps(rest, s + i), f);
        max = _mm512_mask_max_ps(max, rest, x, max);
    }
    return _mm512_reduce_max_ps(max);
}

/* s = exp(s scale - top), 0 up to np, and p the same in bf16; returns the sum. */
static inline float ss_ab_exp(float *restrict s, int64_t n, int64_t np, float scale, float top,
                              uint16_t *restrict p)
{
    __m512 sum = _mm512_setzero_ps();
    for (int64_t i = 0; i < n; i++) s[i] = ss_expf(s[i] * scale - top);
    for (int64_t i = n; i < np; i++) s[i] = 0;
    for (int64_t i = 0; i < np; i += SS_AB_LANES) {
        const __m512 x = _mm512_loadu_ps(s + i);
        const __m512i u = _mm512_castps_si512(x); /* rounds to even; a NaN stays one */
        const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
        const __m512i up = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
        const __m512i half = _mm512_srli_epi32(_mm512_add_epi32(u, up), 16);
        _mm256_storeu_si256((__m256i *)(void *)(p + i), _mm512_cvtepi32_epi16(half));
        sum = _mm512_add_ps(sum, x);
    }
    return _mm512_reduce_add_ps(sum);
}

/* Queries [t0, t0 + count) of a unit. */
static inline void ss_ab_block(ss_call *c, const ss_attend *a, const ss_ab *b,
                               const ss_ab_memory *m, int64_t unit, int64_t t0, int64_t count)
{
    const uint16_t *k = b->k + unit * b->kp * b->ep, *v = b->v + unit * b->kp * b->ep;
    const int64_t n = unit / a->heads, h = unit % a->heads, rows = ss_round_up(count, SS_AMX_BLOCK);
    float top[SS_AB_ROWS], sum[SS_AB_ROWS], *lse = ss_out_f32(c, 1) + unit * a->tq + t0;
    memset(m->q + count * b->ep, 0, (size_t)((rows - count) * b->ep) * 2);
    memset(m->p + count * SS_AB_CHUNK, 0, (size_t)((rows - count) * SS_AB_CHUNK) * 2);
    for (int64_t r = 0; r < count; r++) {
        ss_ab_row(c, a, SS_AT_Q, n, h, t0 + r, b->ep, m->q + r * b->ep);
        top[r] = -INFINITY;
        sum[r] = 0;
    }
    for (int64_t k0 = 0; k0 < a->keys; k0 += SS_AB_CHUNK) {
        const int64_t real = ss_min64(SS_AB_CHUNK, a->keys - k0);
        const int64_t wide = ss_round_up(real, SS_AMX_BLOCK);
        ss_amx_gemm(rows, wide, b->ep, m->q, b->ep, k + k0 * b->ep, SS_AMX_PANEL * b->ep, m->s,
                    SS_AB_CHUNK, false);
        for (int64_t r = 0; r < count; r++) {
            float *s = m->s + r * SS_AB_CHUNK, *o = m->o + r * b->ep;
            if (a->pad && k0 + real == a->keys) s[real - 1] += (float)a->empty / a->scale;
            const float now = ss_ab_max(s, real, a->scale, top[r]), f = ss_expf(top[r] - now);
            sum[r] = (k0 ? sum[r] * f : 0) +
                     ss_ab_exp(s, real, wide, a->scale, now, m->p + r * SS_AB_CHUNK);
            if (k0 && now > top[r])
                for (int64_t j = 0; j < b->ep; j++) o[j] *= f;
            top[r] = now;
        }
        ss_amx_gemm(rows, b->ep, wide, m->p, SS_AB_CHUNK, v + k0 * SS_AMX_PANEL,
                    SS_AMX_PANEL * b->kp, m->o, b->ep, k0 > 0);
    }
    for (int64_t r = 0; r < count; r++) {
        const int64_t at = ((n * a->tq + t0 + r) * a->heads + h) * a->e;
        const float f = 1 / sum[r], *o = m->o + r * b->ep;
        float *to = ss_block_out(&c->out[0], at, m->row);
        for (int64_t j = 0; j < a->e; j++) to[j] = f * o[j];
        ss_block_done(&c->out[0], at, a->e, to);
        lse[r] = top[r] + ss_logf(sum[r]);
    }
}

static inline void ss_ab_run(ss_call *c, const ss_attend *a)
{
    const ss_ab b = ss_ab_of(a, c->scratch);
    const int64_t groups = b.kp / SS_AMX_BLOCK, blocks = ss_ceil_div(a->tq, b.rows);
    const int64_t units = a->n * a->heads;
    SS_PARALLEL_FOR (i, units * groups, SS_AMX_BLOCK * b.ep) {
        const ss_ab_memory m = ss_ab_memory_of(&b, a, omp_get_thread_num());
        ss_ab_pack(c, a, &b, i / groups, i % groups * SS_AMX_BLOCK, m.q);
    }
#pragma omp parallel if (units * a->tq * b.kp > SS_GRAIN)
    {
        const ss_ab_memory m = ss_ab_memory_of(&b, a, omp_get_thread_num());
        ss_amx_begin();
#pragma omp for schedule(static)
        for (int64_t i = 0; i < units * blocks; i++) {
            const int64_t t0 = i % blocks * b.rows;
            if (!ss_cancelled(c))
                ss_ab_block(c, a, &b, &m, i / blocks, t0, ss_min64(b.rows, a->tq - t0));
        }
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
