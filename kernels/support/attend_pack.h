/* attend_pack.h — sizes, memory and packing of attention on the tile unit (attend_bf16.h).
 *
 * A unit is one head of one sample. Its keys and values lie in the unit's own order: by one thread
 * for itself, or, where there are fewer units than threads like, once for all threads. Position
 * terms r[i] lengthen the product as in attend.h; a term is two bf16 numbers, what the first leaves
 * of it being the second, against two unit vectors. So is an entry of a table that is not bf16. The
 * padding tokens' key is not among the keys: one more logit and one more value, in f32.
 */
#ifndef SEMISAM_ATTEND_PACK_H
#define SEMISAM_ATTEND_PACK_H
#include "amx.h"
#include "attend_rel.h"
#include "attend_vec.h"

#if defined(__AVX512F__)
enum { SS_AB_CHUNK = 512, SS_AB_ROWS = 128, SS_AB_ALIGN = 64 };
enum { SS_AB_ONE = 0x3f80 }; /* 1 in bf16 */

typedef struct {
    int64_t ep, xp, kp;         /* e, doubled terms and keys, rounded up to a block */
    int64_t cp;                 /* columns of T */
    int64_t rows, chunk;        /* queries and keys at a time */
    bool shared;                /* units are packed for all threads */
    int64_t parts;              /* bf16 numbers that an entry of T is: 1 or 2 */
    int64_t slots;              /* packed units at once: all, or one a thread */
    size_t common, slot, local; /* bytes for all, of a packed unit, of a thread */
    char *base;
} ss_ab;

/* What all units share. */
typedef struct {
    uint16_t *t;    /* T, packed, once for each of its parts */
    uint16_t *unit; /* [kp / 16] panels of unit vectors, xp * 16 each */
    int32_t *place; /* [tk][4]: indices of a token along the axes */
} ss_ab_common;

/* A packed unit. */
typedef struct {
    uint16_t *k, *v;
    float *terms; /* q T [tq and the padding query, cp] */
    float *pad;   /* q, k, v of the padding tokens, [3, ep] */
} ss_ab_slot;

/* One thread's memory. */
typedef struct {
    uint16_t *q, *p; /* lengthened queries, probabilities */
    float *s, *o;    /* logits, results */
    ss_at_terms terms;
} ss_ab_memory;

static inline void *ss_ab_take(char **from, int64_t bytes)
{
    void *p = *from;
    *from += ss_round_up(bytes, SS_AB_ALIGN);
    return p;
}

static inline size_t ss_ab_common_of(const ss_ab *b, const ss_attend *a, char *from,
                                     ss_ab_common *m)
{
    char *start = from;
    m->t = ss_ab_take(&from, b->parts * b->ep * b->cp * 2);
    m->unit = ss_ab_take(&from, b->kp * b->xp * 2);
    m->place = ss_ab_take(&from, a->axes ? a->tk * 16 : 0);
    return (size_t)(from - start);
}

static inline size_t ss_ab_slot_of(const ss_ab *b, const ss_attend *a, char *from, ss_ab_slot *m)
{
    char *start = from;
    m->k = ss_ab_take(&from, b->kp * (b->ep + b->xp) * 2);
    m->v = ss_ab_take(&from, b->kp * b->ep * 2);
    m->terms = ss_ab_take(&from, ss_round_up(a->tq + 1, SS_AMX_PANEL) * b->cp * 4);
    m->pad = ss_ab_take(&from, a->pad ? 3 * b->ep * 4 : 0);
    return (size_t)(from - start);
}

static inline size_t ss_ab_memory_of(const ss_ab *b, const ss_attend *a, char *from,
                                     ss_ab_memory *m)
{
    char *start = from;
    m->s = ss_ab_take(&from, b->rows * b->chunk * 4);
    m->o = ss_ab_take(&from, b->rows * b->ep * 4);
    m->q = ss_ab_take(&from, b->rows * (b->ep + b->xp) * 2);
    m->p = ss_ab_take(&from, b->rows * b->chunk * 2);
    float *at = (float *)(void *)from;
    ss_at_terms_lay_out(&m->terms, a, &at);
    return (size_t)((char *)at - start);
}

static inline ss_ab ss_ab_of(const ss_attend *a, void *scratch)
{
    const int64_t units = a->n * a->heads, threads = omp_get_max_threads();
    ss_ab b = {.ep = ss_round_up(a->e, SS_AMX_BLOCK),
               .xp = ss_round_up(2 * a->ext, SS_AMX_BLOCK),
               .kp = ss_round_up(a->tk, SS_AMX_BLOCK),
               .cp = a->cp,
               .parts = 1,
               .base = scratch};
    for (int x = 0; x < a->axes && a->rel; x++)
        if (a->table[x]->dtype != SS_BF16) b.parts = 2;
    ss_ab_common common;
    ss_ab_slot slot;
    ss_ab_memory memory;
    b.chunk = ss_min64(b.kp, SS_AB_CHUNK);
    b.shared = units < 2 * threads && threads > 1;
    b.slots = b.shared ? units : threads;
    b.rows = ss_min64(SS_AB_ROWS, ss_round_up(a->tq, SS_AMX_PANEL));
    while (b.shared && b.rows > SS_AMX_BLOCK && units * ss_ceil_div(a->tq, b.rows) < 2 * threads)
        b.rows = ss_round_up(b.rows / 2, SS_AMX_BLOCK);
    b.common = ss_ab_common_of(&b, a, scratch, &common);
    b.slot = ss_ab_slot_of(&b, a, scratch, &slot);
    b.local = (size_t)ss_round_up((int64_t)ss_ab_memory_of(&b, a, scratch, &memory), SS_AB_ALIGN);
    return b;
}

static inline char *ss_ab_slot_at(const ss_ab *b, int64_t i)
{
    return b->base + b->common + (size_t)i * b->slot;
}

static inline char *ss_ab_memory_at(const ss_ab *b, int64_t thread)
{
    return ss_ab_slot_at(b, b->slots) + (size_t)thread * b->local;
}

/* ---- what all units share ------------------------------------------------------------------- */

/* The tables as columns of packed matrices. */
static inline void ss_ab_pack_tables(const ss_attend *a, const ss_ab *b, uint16_t *to)
{
    const int64_t part = b->ep * b->cp;
    memset(to, 0, (size_t)(b->parts * part) * 2);
    for (int x = 0; x < a->axes && a->rel; x++)
        for (int64_t r = 0; r < 2 * a->window[x] - 1; r++) {
            const ss_view *v = a->table[x];
            const int64_t col = a->col[x] + r;
            uint16_t *panel = to + col / SS_AMX_PANEL * SS_AMX_PANEL * b->ep;
            for (int64_t j = 0; j < a->e; j++) {
                const int64_t at = ss_amx_index(j, col % SS_AMX_PANEL);
                float one;
                one = *ss_block_in(v, r * v->stride[0] + j * v->stride[1], 1, &one);
                panel[at] = ss_f32_to_bf16(one);
                if (b->parts > 1)
                    panel[part + at] = ss_f32_to_bf16(one - ss_bf16_to_f32(panel[at]));
            }
        }
}

static inline void ss_ab_pack_common(const ss_attend *a, const ss_ab *b, const ss_ab_common *m)
{
    ss_ab_pack_tables(a, b, m->t);
    memset(m->unit, 0, (size_t)(b->kp * b->xp) * 2);
    for (int64_t t = 0; t < a->tk && a->axes; t++) {
        uint16_t *panel = m->unit + t / SS_AMX_PANEL * SS_AMX_PANEL * b->xp;
        int64_t p[3] = {0}, at = 0;
        ss_at_place(a, t, p);
        for (int x = 0; x < 3; x++) m->place[t * 4 + x] = (int32_t)p[x];
        const bool official = a->rel == SS_REL_3D_OFFICIAL;
        for (int x = official ? 2 : 0; x < a->axes && a->rel; x++) {
            panel[ss_amx_index(at + p[x], t % SS_AMX_PANEL)] = SS_AB_ONE;
            panel[ss_amx_index(a->ext + at + p[x], t % SS_AMX_PANEL)] = SS_AB_ONE;
            at += a->grid[x];
        }
    }
}

/* ---- a unit --------------------------------------------------------------------------------- */

static inline const uint16_t *ss_ab_row(const ss_view *v, int64_t n, int64_t h, int64_t t)
{
    return (const uint16_t *)ss_at(v, n * v->stride[0] + t * v->stride[1] + h * v->stride[2]);
}

/* Keys [t0, t0 + 16) of a unit as columns. */
static inline void ss_ab_pack_keys(const ss_call *c, const ss_attend *a, const ss_ab *b,
                                   const ss_ab_common *common, const ss_ab_slot *slot, int64_t n,
                                   int64_t h, int64_t t0)
{
    uint16_t *to = slot->k + t0 * (b->ep + b->xp);
    __m512i rows[SS_AB_LANES], turned[SS_AB_LANES];
    for (int64_t j = 0; j < b->ep; j += SS_AMX_BLOCK) {
        const __mmask32 some = ss_ab_first(a->e - j);
        for (int64_t i = 0; i < SS_AB_LANES; i++)
            rows[i] =
                t0 + i < a->tk
                    ? _mm512_maskz_loadu_epi16(some, ss_ab_row(&c->in[SS_AT_K], n, h, t0 + i) + j)
                    : _mm512_setzero_si512();
        ss_ab_turn(rows, turned);
        for (int i = 0; i < SS_AB_LANES; i++)
            _mm512_storeu_si512(to + j * SS_AMX_PANEL + i * SS_AMX_BLOCK, turned[i]);
    }
    memcpy(to + b->ep * SS_AMX_PANEL, common->unit + t0 * b->xp,
           (size_t)(b->xp * SS_AMX_PANEL) * 2);
}

/* Values t0 and t0 + 1 of a unit, interleaved. */
static inline void ss_ab_pack_values(const ss_call *c, const ss_attend *a, const ss_ab *b,
                                     const ss_ab_slot *slot, int64_t n, int64_t h, int64_t t0)
{
    uint16_t *to = slot->v + t0 * SS_AMX_PANEL;
    for (int64_t j = 0; j < b->ep; j += SS_AMX_PANEL) {
        const __mmask16 some = (__mmask16)ss_ab_first(a->e - j);
        __m512i pair[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
        for (int64_t i = 0; i < 2 && t0 + i < a->tk; i++)
            pair[i] = _mm512_cvtepu16_epi32(
                _mm256_maskz_loadu_epi16(some, ss_ab_row(&c->in[SS_AT_V], n, h, t0 + i) + j));
        _mm512_storeu_si512(to + j * b->kp,
                            _mm512_or_si512(pair[0], _mm512_slli_epi32(pair[1], 16)));
    }
}

/* Queries [t0, t0 + count) in rows of `ld`, of which e elements and zeros up to ep are written;
 * query tq is that of the padding tokens. */
static inline void ss_ab_queries(const ss_call *c, const ss_attend *a, const ss_ab *b,
                                 const ss_ab_slot *slot, int64_t unit, int64_t t0, int64_t count,
                                 uint16_t *to, int64_t ld)
{
    const int64_t n = unit / a->heads, h = unit % a->heads;
    for (int64_t r = 0; r < count; r++, to += ld) {
        if (t0 + r == a->tq) {
            for (int64_t j = 0; j < b->ep; j++) to[j] = ss_f32_to_bf16(slot->pad[j]);
            continue;
        }
        const uint16_t *from = ss_ab_row(&c->in[SS_AT_Q], n, h, t0 + r);
        for (int64_t j = 0; j < b->ep; j += SS_AMX_BLOCK)
            _mm512_storeu_si512(to + j, _mm512_maskz_loadu_epi16(ss_ab_first(a->e - j), from + j));
    }
}

/* Position terms of queries [t0, t0 + 32) of a unit; q is memory for them. */
static inline void ss_ab_pack_terms(const ss_call *c, const ss_attend *a, const ss_ab *b,
                                    const ss_ab_common *common, const ss_ab_slot *slot,
                                    int64_t unit, int64_t t0, uint16_t *q)
{
    const int64_t count = ss_min64(SS_AMX_PANEL, a->tq + a->pad - t0);
    ss_ab_queries(c, a, b, slot, unit, t0, count, q, b->ep);
    memset(q + count * b->ep, 0, (size_t)((SS_AMX_PANEL - count) * b->ep) * 2);
    for (int64_t part = 0; part < b->parts; part++)
        ss_amx_gemm(SS_AMX_PANEL, b->cp, b->ep, q, b->ep, common->t + part * b->ep * b->cp,
                    SS_AMX_PANEL * b->ep, slot->terms + t0 * b->cp, b->cp, part > 0);
}

/* Parts of a unit that can be packed one by one: [0, ss_ab_parts). */
static inline int64_t ss_ab_parts(const ss_attend *a, const ss_ab *b)
{
    return ss_max64(b->kp, a->rel ? a->tq + a->pad : 0) / SS_AMX_PANEL + 1;
}

static inline void ss_ab_pack_pad(const ss_call *c, const ss_ab *b, const ss_ab_slot *slot,
                                  int64_t h)
{
    memset(slot->pad, 0, (size_t)b->ep * 12);
    for (int which = 0; which < 3; which++)
        ss_at_pad_row(slot->pad + which * b->ep, &c->in[SS_AT_PAD], which, h);
}

/* Everything of part i; the tiles are ready for use. */
static inline void ss_ab_pack(const ss_call *c, const ss_attend *a, const ss_ab *b,
                              const ss_ab_common *common, const ss_ab_slot *slot, int64_t unit,
                              int64_t i, uint16_t *q)
{
    const int64_t n = unit / a->heads, h = unit % a->heads, t0 = i * SS_AMX_PANEL;
    if (t0 < b->kp) {
        ss_ab_pack_keys(c, a, b, common, slot, n, h, t0);
        for (int64_t t = t0; t < t0 + SS_AMX_PANEL; t += 2)
            ss_ab_pack_values(c, a, b, slot, n, h, t);
    }
    if (a->rel && t0 < a->tq + a->pad) ss_ab_pack_terms(c, a, b, common, slot, unit, t0, q);
}
#endif
#endif
