/* mm_tiles.c — see mm_tiles.h.
 *
 * Where w is not tall a task is rows of x, read as they are, against as many columns of w as stay
 * in the second cache; each 32 rows of x then stay in the first while the columns pass by. Where it
 * is tall, rows are brought into tiles, which stay in the second cache, and w passes by: 256 rows
 * of 32 columns at a time, in the first cache. Sums are f32. Bias, activation, residual and
 * rounding of a block run beside the product of the next: they use units that the tiles leave idle.
 * oneDNN does them one after the other, and its GELU takes as long as a product of 200. */
#include "mm_tiles.h"
#include "../cpu.h"
#include "amx.h"
#include <omp.h>
#include <stdlib.h>

#if defined(__x86_64__) && defined(__GNUC__) && (defined(__clang__) || __GNUC__ >= 11)
#include "gelu_fast.h"

#define CODE                                                                                       \
    __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))
#define EACH static inline __attribute__((always_inline)) /* copies for constant arguments */

enum {
    BLOCK = SS_AMX_BLOCK,
    PANEL = SS_AMX_PANEL,
    LANES = 16,
    LINE = 32,         /* elements of a cache line */
    FEW_ROWS = 64,     /* fewer are left to oneDNN */
    TALL = 1600,       /* beyond, 32 rows of x and as many columns of w are more than a cache */
    DEEP = 256,        /* rows of w at a time where it is tall */
    NEAR = 304 * 1024, /* elements of w that stay in the second cache, twice as many of x */
    PLAIN_ROWS = 128,  /* of a task that does not pack */
    SUMS = BLOCK * BLOCK,
    ALIGN = 64
};

typedef struct {
    const ss_mm *q;
    const uint16_t *x, *w, *r;
    const float *b;
    uint16_t *y;
    int64_t rows, wide, deep;  /* of a task: rows, columns; rows of weights at a time */
    int64_t blocks, groups;    /* tasks along m and n */
    bool packs;                /* x is brought into tiles */
    size_t for_bias, for_each; /* bytes of scratch: f32 bias, a thread's own */
} job;

/* One thread's memory. */
typedef struct {
    float *sums; /* of all blocks of a task where it packs, else of two in turn */
    uint16_t *x; /* rows as tiles, or the last ones where they do not fill a block */
} own;

/* A block of 32 columns whose sums are complete: rows [done, rows) are not in y yet. */
typedef struct {
    const float *sums;
    int64_t i, j, done, rows;
} waiting;

static int64_t up(int64_t n, int64_t to)
{
    return ss_ceil_div(n, to) * to;
}

bool ss_mm_tiles(const ss_call *c, const ss_mm *q)
{
    const bool bf16 = q->x_type == SS_BF16 && q->y_type == SS_BF16 && q->compute == SS_BF16;
    const bool kept = q->w && q->w->constant && c->env && c->env->pack;
    const bool plain = q->batch == 1 && !q->x_transposed && q->w_transposed;
    const bool sizes =
        q->m >= FEW_ROWS && q->n > 0 && q->n % BLOCK == 0 && q->k > 0 && q->k % BLOCK == 0;
    return bf16 && kept && plain && sizes && (q->act == SS_ACT_NONE || q->act == SS_ACT_GELU) &&
           ss_amx() && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw");
}

static job job_of(const ss_mm *q)
{
    job o = {.q = q, .packs = q->k > TALL};
    o.deep = o.packs ? DEEP : q->k;
    o.wide = o.packs ? BLOCK : up(ss_ceil_div(q->n, ss_ceil_div(q->k * q->n, NEAR)), BLOCK);
    o.rows = o.packs ? ss_max64(BLOCK, 2 * NEAR / q->k / BLOCK * BLOCK) : PLAIN_ROWS;
    o.rows = ss_min64(o.rows, up(q->m, BLOCK));
    o.groups = ss_ceil_div(q->n, o.wide);
    o.blocks = ss_ceil_div(q->m, o.rows);
    o.for_bias = (size_t)up(q->bias && q->b_type != SS_F32 ? q->n * 4 : 0, ALIGN);
    o.for_each =
        (size_t)((o.packs ? o.rows / BLOCK : 2) * SUMS * 4 + (o.packs ? o.rows : BLOCK) * q->k * 2);
    return o;
}

static size_t packed_bytes(const ss_mm *q)
{
    return (size_t)(q->n * q->k) * 2;
}

static uint64_t key_of(const ss_mm *q)
{
    return 0x74696c6573u ^ (uint64_t)q->n << 40 ^ (uint64_t)q->k << 8;
}

size_t ss_mm_tiles_bytes(const ss_call *c, const ss_mm *q)
{
    const job o = job_of(q);
    bool fresh;
    c->env->pack(c->env, q->w, key_of(q), packed_bytes(q), &fresh); /* counted where none is made */
    return o.for_bias + (size_t)omp_get_max_threads() * o.for_each;
}

/* Weights [n, k] as panels of columns. */
static void pack(const ss_mm *q, uint16_t *to)
{
    const size_t size = ss_dtype_bytes(q->w_type);
    SS_PARALLEL_FOR (p, q->n / PANEL, PANEL * q->k) {
        uint16_t *panel = to + p * PANEL * q->k;
        for (int64_t j = 0; j < PANEL; j++) {
            const char *from = (const char *)q->w->data + (size_t)((p * PANEL + j) * q->k) * size;
            for (int64_t i = 0; i < q->k; i += BLOCK) {
                float wide[BLOCK];
                uint16_t half[BLOCK];
                ss_load_f32(wide, from + (size_t)i * size, q->w_type, BLOCK);
                ss_store_f32(half, SS_BF16, wide, BLOCK);
                for (int64_t l = 0; l < BLOCK; l++) panel[ss_amx_index(i + l, j)] = half[l];
            }
        }
    }
}

/* ---- blocks of 32 x 32 ---------------------------------------------------------------------- */

CODE static inline __m512 widened(const uint16_t *from)
{
    const __m256i half = _mm256_loadu_si256((const __m256i *)(const void *)from);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/* Half a row of sums with all that is added to it; r: the residual, NULL for none. */
CODE EACH __m512 finished(bool gelu, const float *sums, __m512 bias, const uint16_t *r)
{
    __m512 v = _mm512_add_ps(_mm512_loadu_ps(sums), bias);
    if (gelu) v = ss_gelu_fast(v);
    return r ? _mm512_add_ps(v, widened(r)) : v;
}

/* The next `rows` rows of a block that waits become results. `more`: there is a residual. No array
 * of vectors: with AddressSanitizer gcc 12 does not align those on the stack. */
CODE EACH void finish(bool gelu, bool more, const job *o, waiting *w, int64_t rows)
{
    const int64_t end = ss_min64(w->rows, w->done + rows);
    if (w->done >= end) return;
    const __m512 none = _mm512_setzero_ps();
    const __m512 low = o->b ? _mm512_loadu_ps(o->b + w->j) : none;
    const __m512 high = o->b ? _mm512_loadu_ps(o->b + w->j + LANES) : none;
    for (; w->done < end; w->done++) {
        const int64_t at = (w->i + w->done) * o->q->n + w->j;
        const float *sums = w->sums + w->done * BLOCK;
        const uint16_t *r = more ? o->r + at : NULL;
        const __m512 a = finished(gelu, sums, low, r);
        const __m512 b = finished(gelu, sums + LANES, high, more ? r + LANES : NULL);
        _mm512_storeu_si512(o->y + at, (__m512i)_mm512_cvtne2ps_pbh(b, a));
    }
}

/* Tiles of x: those of one row of blocks are `along` elements apart, the lower ones `down` from the
 * upper, rows of a tile `ld`. */
typedef struct {
    const uint16_t *at;
    int64_t ld, along, down;
} tiles;

/* The next task's weights are asked for ahead of time, some lines of the cache at each step: they
 * come from memory, having been used a whole network ago. */
typedef struct {
    const uint16_t *at, *end;
    int64_t lines;
} ahead;

/* sums = or += x[32, deep] w[deep, 32]; meanwhile, as the tile unit leaves the others idle, a block
 * that waits is finished. */
CODE EACH void product(bool gelu, bool more, const job *o, tiles x, const uint16_t *w, int64_t deep,
                       float *sums, bool add, waiting *other, ahead *soon)
{
    const size_t step = (size_t)x.ld * 2, line = BLOCK * 4;
    const uint16_t *w1 = w + PANEL * o->q->k;
    const int64_t share = ss_ceil_div(BLOCK * BLOCK, deep);
    float *low = sums + PANEL * BLOCK;
    if (add) {
        _tile_loadd(0, sums, line);
        _tile_loadd(1, sums + PANEL, line);
        _tile_loadd(2, low, line);
        _tile_loadd(3, low + PANEL, line);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int64_t k = 0; k < deep; k += BLOCK, x.at += x.along) {
        _tile_loadd(4, x.at, step);
        _tile_loadd(6, w + k * PANEL, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, w1 + k * PANEL, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, x.at + x.down, step);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        finish(gelu, more, o, other, share);
        for (int64_t l = 0; l < soon->lines && soon->at < soon->end; l++, soon->at += LINE)
            __builtin_prefetch(soon->at, 0, 2);
    }
    _tile_stored(0, sums, line);
    _tile_stored(1, sums + PANEL, line);
    _tile_stored(2, low, line);
    _tile_stored(3, low + PANEL, line);
}

/* ---- tasks ---------------------------------------------------------------------------------- */

/* Rows [i0, i1) of x as tiles, one after another along each 16 rows; zeros fill the last block. */
CODE static void pack_rows(const job *o, uint16_t *to, int64_t i0, int64_t i1)
{
    const int64_t k = o->q->k;
    for (int64_t i = i0; i < i0 + up(i1 - i0, BLOCK); i++) {
        uint16_t *row = to + (i - i0) / PANEL * PANEL * k + (i - i0) % PANEL * BLOCK;
        for (int64_t l = 0; l < k; l += BLOCK)
            _mm512_storeu_si512(row + l * PANEL, i < i1 ? _mm512_loadu_si512(o->x + i * k + l)
                                                        : _mm512_setzero_si512());
    }
}

/* Columns [j, j + 32) of rows [i0, i1), which are in m->x as tiles. */
CODE EACH void task_packed(bool gelu, bool more, const job *o, const own *m, int64_t i0, int64_t i1,
                           int64_t j, ahead *soon)
{
    const int64_t depth = o->q->k;
    waiting last = {0};
    for (int64_t k = 0; k < depth; k += o->deep) {
        const int64_t deep = ss_min64(o->deep, depth - k);
        for (int64_t i = i0; i < i1; i += BLOCK) {
            float *sums = m->sums + (i - i0) * BLOCK;
            const tiles x = {m->x + (i - i0) * depth + k * PANEL, BLOCK, SUMS / 2, PANEL * depth};
            product(gelu, more, o, x, o->w + j * depth + k * PANEL, deep, sums, k > 0, &last, soon);
            if (k + deep < depth) continue;
            finish(gelu, more, o, &last, BLOCK);
            last = (waiting){.sums = sums, .i = i, .j = j, .rows = ss_min64(BLOCK, i1 - i)};
        }
    }
    finish(gelu, more, o, &last, BLOCK);
}

/* Columns [j0, j1) of rows [i0, i1), all of their depth at once. */
CODE EACH void task_plain(bool gelu, bool more, const job *o, const own *m, int64_t i0, int64_t i1,
                          int64_t j0, int64_t j1, ahead *soon)
{
    const int64_t depth = o->q->k;
    waiting last = {0};
    int64_t turn = 0;
    for (int64_t i = i0; i < i1; i += BLOCK) {
        const int64_t rows = ss_min64(BLOCK, i1 - i);
        tiles x = {o->x + i * depth, depth, BLOCK, PANEL * depth};
        if (rows < BLOCK) {
            memcpy(m->x, x.at, (size_t)(rows * depth) * 2);
            memset(m->x + rows * depth, 0, (size_t)((BLOCK - rows) * depth) * 2);
            x.at = m->x;
        }
        for (int64_t j = j0; j < j1; j += BLOCK, turn = !turn) {
            float *sums = m->sums + turn * SUMS;
            product(gelu, more, o, x, o->w + j * depth, depth, sums, false, &last, soon);
            finish(gelu, more, o, &last, BLOCK);
            last = (waiting){.sums = sums, .i = i, .j = j, .rows = rows};
        }
    }
    finish(gelu, more, o, &last, BLOCK);
}

CODE EACH void share(bool gelu, bool more, const job *o, own m, int64_t thread, int64_t threads)
{
    const int64_t total = o->blocks * o->groups;
    int64_t packed = -1, asked = -1;
    ahead soon = {0};
    for (int64_t t = total * thread / threads; t < total * (thread + 1) / threads; t++) {
        const int64_t i = o->packs ? t / o->groups : t % o->blocks;
        const int64_t j = o->packs ? t % o->groups : t / o->blocks;
        const int64_t i0 = i * o->rows, i1 = ss_min64(i0 + o->rows, o->q->m);
        const int64_t j0 = j * o->wide, j1 = ss_min64(j0 + o->wide, o->q->n);
        if (asked != j) {
            soon.at = o->w + j1 * o->q->k;
            soon.end = soon.at + ss_min64(o->wide, o->q->n - j1) * o->q->k;
            soon.lines = o->packs ? 6 : 2;
        }
        asked = j;
        if (!o->packs) {
            task_plain(gelu, more, o, &m, i0, i1, j0, j1, &soon);
            continue;
        }
        if (packed != i0) pack_rows(o, m.x, i0, i1);
        packed = i0;
        task_packed(gelu, more, o, &m, i0, i1, j0, &soon);
    }
}

/* A thread's part of all tasks. */
CODE static void work(const job *o, char *scratch, int64_t thread, int64_t threads)
{
    const bool gelu = o->q->act == SS_ACT_GELU;
    char *at = scratch + o->for_bias + (size_t)thread * o->for_each;
    own m = {.sums = (float *)(void *)at};
    m.x = (uint16_t *)(void *)(m.sums + (o->packs ? o->rows / BLOCK : 2) * SUMS);
    ss_amx_begin();
    if (gelu && o->r)
        share(true, true, o, m, thread, threads);
    else if (gelu)
        share(true, false, o, m, thread, threads);
    else if (o->r)
        share(false, true, o, m, thread, threads);
    else
        share(false, false, o, m, thread, threads);
    ss_amx_end();
}

ss_status ss_mm_tiles_run(ss_call *c, const ss_mm *q, const void *x, const void *b, const void *r,
                          void *y, void *scratch)
{
    job o = job_of(q);
    bool fresh;
    uint16_t *w = c->env->pack(c->env, q->w, key_of(q), packed_bytes(q), &fresh), *mine = NULL;
    if (!w) w = mine = aligned_alloc(ALIGN, packed_bytes(q));
    if (!w) return ss_fail(c, SS_E_NOMEM, "no memory for the weight in another layout");
    if (fresh || mine) pack(q, w);
    o.x = x, o.w = w, o.r = q->residual ? r : NULL, o.y = y;
    o.b = q->bias ? b : NULL;
    if (o.for_bias) {
        ss_load_f32(scratch, b, q->b_type, q->n);
        o.b = scratch;
    }
#pragma omp parallel if (q->m * q->n > SS_GRAIN)
    work(&o, scratch, omp_get_thread_num(), omp_get_num_threads());
    free(mine);
    return SS_OK;
}

#else
bool ss_mm_tiles(const ss_call *c, const ss_mm *q)
{
    (void)c, (void)q;
    return false;
}
size_t ss_mm_tiles_bytes(const ss_call *c, const ss_mm *q)
{
    (void)c, (void)q;
    return 0;
}
ss_status ss_mm_tiles_run(ss_call *c, const ss_mm *q, const void *x, const void *b, const void *r,
                          void *y, void *scratch)
{
    (void)c, (void)q, (void)x, (void)b, (void)r, (void)y, (void)scratch;
    return SS_OK;
}
#endif
