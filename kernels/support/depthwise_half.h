/* depthwise_half.h — depthwise volumes (depthwise.h) in 16-bit types, with fused multiply-adds.
 *
 * A row of x is brought to f32 when the first row of y needs it and kept, in cache, until the last
 * has. It then has zeros around it and its channels lie vector by vector, [vector, position, lane]:
 * one vector's taps are neighbours. A thread takes a strip of every plane, plane after plane, so
 * that most rows of x are read once. */
#ifndef SEMISAM_DEPTHWISE_HALF_H
#define SEMISAM_DEPTHWISE_HALF_H
#include "depthwise.h"
#include "gelu_rows.h"

enum {
    SS_DH_TILE = 8,       /* neighbouring outputs done together */
    SS_DH_KEPT = 1 << 20, /* bytes of rows that a thread keeps: half of a second-level cache */
    SS_DH_TASKS = 2,      /* wanted for each thread */
    SS_DH_ROW = 1024,     /* elements stored at a time */
    SS_DH_ALIGN = 64
};

#if defined(__AVX512F__)
#define SS_LANES_MAD(a, b, c) ((ss_lanes)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#elif defined(__FMA__)
#include <immintrin.h>
#define SS_LANES_MAD(a, b, c) ((ss_lanes)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#else
#define SS_LANES_MAD(a, b, c) ((a) * (b) + (c))
#endif

typedef float ss_lanes_at __attribute__((vector_size(SS_DW_LANES * 4), aligned(4), may_alias));
typedef uint16_t ss_lanes_half __attribute__((vector_size(SS_DW_LANES * 2)));
typedef uint32_t ss_lanes_bits __attribute__((vector_size(SS_DW_LANES * 4)));

/* A convolution whose result is y; sizes of what a thread keeps. */
typedef struct ss_dhalf {
    ss_conv q;
    const ss_view *x, *y;
    float *wt, *bias;              /* [tap, vector, lane], [vector, lane] */
    char *own;                     /* `share` bytes for each thread */
    int64_t vectors, length, outs; /* of a row of x; positions of a row of y, in whole tiles */
    int64_t planes, strip, high;   /* planes of x kept; rows of y and of x in a strip */
    int64_t strips, depth, chunks; /* of a plane; planes of y that a task does; tasks of a strip */
    size_t found_at, rows_at, line_at, share; /* of a thread's memory */
} ss_dhalf;

static inline size_t ss_dhalf_pad(int64_t bytes)
{
    return (size_t)ss_ceil_div(bytes, SS_DH_ALIGN) * SS_DH_ALIGN;
}

/* Whether one of our loops on 16-bit x serves y, or x from y: backwards only where every position
 * is a plain sum over taps. */
static inline bool ss_dhalf_serves(const ss_conv *q, const ss_view *in, const ss_view *out,
                                   bool back)
{
    if (!ss_conv_depthwise3(q) || in->dtype == SS_F32 || out->dtype != in->dtype) return false;
    for (int i = 0; i < 3 && back; i++)
        if (q->step[i] != 1 || q->dilation[i] * (q->k[i] - 1) < q->pad[i]) return false;
    return true;
}

/* Backwards is forwards with the taps reversed. */
static inline void ss_dhalf_set(ss_dhalf *h, const ss_conv *q, const ss_view *x, const ss_view *y,
                                bool back)
{
    *h = (ss_dhalf){.q = *q, .x = x, .y = y};
    ss_conv *p = &h->q;
    for (int i = 0; i < 3 && back; i++) {
        p->x[i] = q->y[i];
        p->y[i] = q->x[i];
        p->pad[i] = q->dilation[i] * (q->k[i] - 1) - q->pad[i];
    }
    h->vectors = ss_ceil_div(p->c, SS_DW_LANES);
    h->outs = ss_ceil_div(p->y[2], SS_DW_TILE) * SS_DW_TILE;
    h->length = (h->outs - 1) * p->step[2] + p->dilation[2] * (p->k[2] - 1) + 1;
    h->length = ss_max64(h->length, p->pad[2] + p->x[2]);
    const int64_t row = h->vectors * h->length * SS_DW_LANES;
    const int64_t reach = p->dilation[1] * (p->k[1] - 1) + 1;
    h->planes = p->dilation[0] * (p->k[0] - 1) + 1;
    const int64_t fit = (SS_DH_KEPT / (h->planes * row * 4) - reach) / p->step[1] + 1;
    h->strips = ss_ceil_div(p->y[1], ss_max64(1, fit));
    h->strip = ss_ceil_div(p->y[1], ss_max64(1, h->strips));
    h->high = (h->strip - 1) * p->step[1] + reach;
    const int64_t want = ss_ceil_div(SS_DH_TASKS * omp_get_max_threads(), p->n * h->strips);
    h->depth = ss_ceil_div(p->y[0], ss_max64(1, ss_min64(want, p->y[0])));
    h->chunks = ss_ceil_div(p->y[0], h->depth);
    const int64_t kept = h->planes * h->high;
    h->found_at = ss_dhalf_pad(kept * (int64_t)sizeof(int64_t));
    h->rows_at = h->found_at + ss_dhalf_pad(h->strip * (int64_t)sizeof(ss_depthwise_rows));
    h->line_at = h->rows_at + ss_dhalf_pad(kept * row * 4);
    h->share = h->line_at + ss_dhalf_pad(h->outs * SS_DW_LANES * 4);
}

static inline size_t ss_dhalf_weight_bytes(const ss_dhalf *h)
{
    return (size_t)((ss_conv_volume(h->q.k) + 1) * h->vectors * SS_DW_LANES) * 4;
}

static inline size_t ss_dhalf_bytes(const ss_dhalf *h)
{
    return ss_dhalf_weight_bytes(h) + (size_t)omp_get_max_threads() * h->share + SS_DH_ALIGN;
}

/* Lays out scratch and weights. w: [channel, tap] and b: [channel] or NULL, in f32. */
static inline void ss_dhalf_begin(ss_dhalf *h, const float *w, const float *b, bool back,
                                  char *scratch)
{
    const int64_t taps = ss_conv_volume(h->q.k), wide = h->vectors * SS_DW_LANES, C = h->q.c;
    scratch += (size_t) - (uintptr_t)scratch % SS_DH_ALIGN;
    h->wt = (float *)(void *)scratch;
    h->bias = h->wt + taps * wide;
    h->own = scratch + ss_dhalf_weight_bytes(h);
    memset(h->wt, 0, ss_dhalf_weight_bytes(h));
    for (int64_t t = 0; t < taps; t++)
        for (int64_t c = 0; c < C; c++)
            h->wt[t * wide + c] = w[c * taps + (back ? taps - 1 - t : t)];
    if (b) memcpy(h->bias, b, (size_t)C * 4);
}

static inline ss_lanes ss_dhalf_load(const uint16_t *p, ss_dtype t, int64_t n)
{
    ss_lanes_half v = {0};
    float wide[SS_DW_LANES];
    memcpy(&v, p, n >= SS_DW_LANES ? sizeof v : (size_t)n * 2);
    if (t == SS_BF16) {
#if defined(__AVX512F__)
        return (ss_lanes)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)v), 16);
#else
        return (ss_lanes)(__builtin_convertvector(v, ss_lanes_bits) << 16);
#endif
    }
    ss_load_f32(wide, &v, t, SS_DW_LANES);
    return ss_lanes_load(wide, SS_DW_LANES);
}

/* Row `row` of x, planes and volumes counted on, as f32. */
static inline void ss_dhalf_widen(const ss_dhalf *h, int64_t row, float *to)
{
    const int64_t C = h->q.c, W = h->q.x[2], pad = h->q.pad[2], after = h->length - pad - W;
    const uint16_t *from = (const uint16_t *)h->x->data + row * W * C;
    const ss_dtype t = h->x->dtype;
    const int64_t whole = C / SS_DW_LANES, left = C % SS_DW_LANES, L = SS_DW_LANES;
    for (int64_t v = 0; v < h->vectors; v++) {
        float *at = to + v * h->length * L;
        memset(at, 0, (size_t)(pad * L) * 4);
        memset(at + (pad + W) * L, 0, (size_t)(after * L) * 4);
    }
    for (int64_t i = 0; i < W; i++) {
        const uint16_t *p = from + i * C;
        float *at = to + (pad + i) * L;
        for (int64_t v = 0; v < whole; v++, p += L, at += h->length * L)
            ss_lanes_store(at, ss_dhalf_load(p, t, L), L);
        if (left) ss_lanes_store(at, ss_dhalf_load(p, t, left), L);
    }
}

/* One plane of a strip: d and rows y0 to y1 of volume n of y; `own` is the thread's memory. */
typedef struct ss_dhalf_part {
    int64_t n, d, y0, y1;
    char *own;
} ss_dhalf_part;

/* The rows of x that row y of the part reads, and their weights. The thread's memory begins with
 * which row of x each place holds. */
static inline void ss_dhalf_find(const ss_dhalf *h, const ss_dhalf_part *p, int64_t y,
                                 ss_depthwise_rows *rows)
{
    const ss_conv *q = &h->q;
    const int64_t size = h->vectors * h->length * SS_DW_LANES;
    const int64_t first = p->y0 * q->step[1] - q->pad[1];
    int64_t *tag = (int64_t *)(void *)p->own;
    float *kept = (float *)(void *)(p->own + h->rows_at);
    rows->n = 0;
    for (int64_t kd = 0; kd < q->k[0]; kd++) {
        const int64_t z = ss_depthwise_from(q, 0, p->d, kd, false);
        for (int64_t kh = 0; kh < q->k[1] && z >= 0; kh++) {
            const int64_t at = ss_depthwise_from(q, 1, y, kh, false);
            if (at < 0) continue;
            const int64_t row = (p->n * q->x[0] + z) * q->x[1] + at;
            const int64_t place = z % h->planes * h->high + at - first;
            if (tag[place] != row) ss_dhalf_widen(h, row, kept + place * size);
            tag[place] = row;
            rows->x[rows->n] = kept + place * size;
            rows->w[rows->n++] = h->wt + (kd * q->k[1] + kh) * q->k[2] * h->vectors * SS_DW_LANES;
        }
    }
}

/* `count` outputs from o of vector v of channels; hop and step are those of x's positions. Called
 * with constants. */
static inline __attribute__((always_inline)) void
ss_dhalf_tile(const ss_dhalf *h, const ss_depthwise_rows *rows, int64_t v, int64_t o,
              const int count, int64_t taps, int64_t step, int64_t hop, float *dst)
{
    const int64_t L = SS_DW_LANES, wide = h->vectors * L;
    ss_lanes s[SS_DH_TILE];
#pragma GCC unroll 8
    for (int j = 0; j < count; j++) s[j] = ss_lanes_load(h->bias + v * L, L);
    for (int i = 0; i < rows->n; i++) {
        const float *w = rows->w[i] + v * L, *from = rows->x[i] + (v * h->length + o * step) * L;
        /* Else the sums of row and column are hoisted, and there are more than registers. */
        __asm__("" : "+r"(from));
        const ss_lanes_at *x = (const ss_lanes_at *)(const void *)from;
#pragma GCC unroll 3
        for (int64_t k = 0; k < taps; k++) {
            const ss_lanes g = ss_lanes_load(w + k * wide, L);
#pragma GCC unroll 8
            for (int j = 0; j < count; j++) s[j] = SS_LANES_MAD(x[k * hop + j * step], g, s[j]);
        }
    }
#pragma GCC unroll 8
    for (int j = 0; j < count; j++) ss_lanes_store(dst + j * L, s[j], L);
}

/* One row of vector v: [position, lane]. */
static inline void ss_dhalf_row(const ss_dhalf *h, const ss_depthwise_rows *rows, int64_t v,
                                float *to)
{
    const ss_conv *q = &h->q;
    const int64_t taps = q->k[2], step = q->step[2], hop = q->dilation[2], L = SS_DW_LANES;
    const bool three = taps == 3 && hop == 1;
    int64_t o = 0;
    for (; o + SS_DH_TILE <= h->outs; o += SS_DH_TILE) {
        if (three && step == 1)
            ss_dhalf_tile(h, rows, v, o, SS_DH_TILE, 3, 1, 1, to + o * L);
        else if (three && step == 2)
            ss_dhalf_tile(h, rows, v, o, SS_DH_TILE, 3, 2, 1, to + o * L);
        else
            ss_dhalf_tile(h, rows, v, o, SS_DH_TILE, taps, step, hop, to + o * L);
    }
    for (; o < h->outs; o += SS_DW_TILE)
        ss_dhalf_tile(h, rows, v, o, SS_DW_TILE, taps, step, hop, to + o * L);
}

/* Takes a row of vector v to its channels of y. */
static inline void ss_dhalf_store(const ss_dhalf *h, int64_t v, const float *made, uint16_t *to)
{
    uint16_t half[SS_DH_ROW];
    const int64_t L = SS_DW_LANES, part = SS_DH_ROW / L, C = h->q.c;
    const size_t bytes = (size_t)ss_min64(L, C - v * L) * 2;
    for (int64_t o = 0; o < h->q.y[2]; o += part) {
        const int64_t n = ss_min64(part, h->q.y[2] - o);
        if (h->q.gelu)
            ss_gelu_store(half, h->y->dtype, made + o * L, n * L);
        else
            ss_store_f32(half, h->y->dtype, made + o * L, n * L);
        for (int64_t i = 0; i < n; i++) {
            uint16_t *at = to + (o + i) * C + v * L;
            if (bytes == SS_DW_LANES * 2)
                memcpy(at, half + i * L, SS_DW_LANES * 2);
            else
                memcpy(at, half + i * L, bytes);
        }
    }
}

/* Vector by vector, so that the rows of one stay in the first-level cache for three rows of y. */
static inline void ss_dhalf_plane(const ss_dhalf *h, const ss_dhalf_part *p)
{
    const ss_conv *q = &h->q;
    float *made = (float *)(void *)(p->own + h->line_at);
    ss_depthwise_rows *rows = (ss_depthwise_rows *)(void *)(p->own + h->found_at);
    const int64_t high = p->y1 - p->y0;
    for (int64_t y = 0; y < high; y++) ss_dhalf_find(h, p, p->y0 + y, &rows[y]);
    for (int64_t i = 0; i < h->vectors * high; i++) {
        const int64_t v = i / high, y = i % high;
        const int64_t row = (p->n * q->y[0] + p->d) * q->y[1] + p->y0 + y;
        ss_dhalf_row(h, &rows[y], v, made);
        ss_dhalf_store(h, v, made, (uint16_t *)h->y->data + row * q->y[2] * q->c);
    }
}

static inline void ss_dhalf_run(const ss_dhalf *h)
{
    const ss_conv *q = &h->q;
    const int64_t each = h->strips * h->chunks, kept = h->planes * h->high;
    const int64_t work = h->depth * h->strip * q->y[2] * q->c * ss_conv_volume(q->k);
    SS_PARALLEL_FOR (t, q->n * each, work) {
        const int64_t y0 = t / h->chunks % h->strips * h->strip, d0 = t % h->chunks * h->depth;
        ss_dhalf_part p = {.n = t / each,
                           .y0 = y0,
                           .y1 = ss_min64(q->y[1], y0 + h->strip),
                           .own = h->own + (size_t)omp_get_thread_num() * h->share};
        for (int64_t i = 0; i < kept; i++) ((int64_t *)(void *)p.own)[i] = -1;
        for (p.d = d0; p.d < ss_min64(q->y[0], d0 + h->depth); p.d++) ss_dhalf_plane(h, &p);
    }
}
#endif
