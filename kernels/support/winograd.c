/* winograd.c — y and x of convolutions with 3x3 kernels; see winograd.h. */
#include "winograd.h"
#include "winograd_block.h"
#include "winograd_shape.h"
#include <omp.h>

enum {
    CHANNELS = 8,       /* fewer leave the products too narrow */
    DEPTH = 4,          /* fewer slices leave too few rows */
    MEMORY = 1 << 20,   /* of a block's buffers: they stay in the second cache */
    MORE = 3 << 19,     /* with more channels, whose weights are read again for every block */
    MANY = 64
};

static bool f32(const ss_view *v)
{
    return v->dtype == SS_F32;
}

bool ss_winograd_serves(const ss_conv *q, const ss_conv_args *a)
{
    if (q->groups != 1 || q->c < CHANNELS || q->o < CHANNELS) return false;
    if (q->k[1] != 3 || q->k[2] != 3 || q->y[0] < DEPTH || q->x[0] < DEPTH) return false;
    for (int i = 0; i < 3; i++)
        if (q->step[i] != 1 || q->dilation[i] != 1 || q->pad[i] >= q->k[i]) return false;
    if (q->n * ss_conv_volume(q->y) * ss_conv_volume(q->x) == 0) return false;
    return f32(a->x) && f32(a->w) && f32(a->y) && (!a->b || !a->b->present || f32(a->b));
}

/* An odd number of cache lines: 16 terms side by side then do not meet in one set of the cache. */
static int64_t apart(int64_t floats)
{
    return (floats / SS_W_LANES + 1) / 2 * 2 * SS_W_LANES + SS_W_LANES;
}

void ss_w_cut(ss_w_shape *s, int64_t most)
{
    const int64_t deep = s->deep, most_slices = s->c > MANY ? 128 : 48;
    const int64_t whole = ss_ceil_div(ss_min64(s->out[0], most_slices), deep) * deep;
    for (s->slices = whole;; s->slices = ss_ceil_div(s->slices, 2 * deep) * deep) {
        s->rows = s->slices / deep;
        s->deep_in = s->slices + s->kd - 1;
        const int64_t tile = SS_W_TERMS * 4 * (s->deep_in * s->c + s->rows * s->cols);
        s->tiles = ss_min64(s->all, ss_max64(1, most / tile));
        if (tile <= most || s->rows <= 2 * 12) break;
    }
    s->x_term = apart(s->tiles * s->deep_in * s->c);
    s->y_term = apart(s->tiles * s->rows * s->cols);
}

void ss_w_shape_of(ss_w_shape *s, const ss_conv *q, ss_conv_result result)
{
    const bool back = result == SS_CONV_X;
    *s = (ss_w_shape){.n = q->n, .c = back ? q->o : q->c, .o = back ? q->c : q->o, .kd = q->k[0]};
    for (int i = 0; i < 3; i++) {
        s->in[i] = back ? q->y[i] : q->x[i];
        s->out[i] = back ? q->x[i] : q->y[i];
        s->pad[i] = back ? q->k[i] - 1 - q->pad[i] : q->pad[i];
    }
    s->wide = ss_ceil_div(s->out[2], 2);
    s->all = s->wide * ss_ceil_div(s->out[1], 2);
    s->deep = s->o < SS_W_LANES && SS_W_LANES % s->o == 0 ? SS_W_LANES / s->o : 1;
    s->cols = ss_ceil_div(s->deep * s->o, SS_W_LANES) * SS_W_LANES;
    s->k = (s->deep + s->kd - 1) * s->c;
}

static void bring_one(const ss_w_shape *s, const ss_w_pixels *px, const float *from, float *v)
{
    for (int64_t c = 0; c < s->c; c += SS_W_LANES) {
        const __mmask16 some = ss_w_first(s->c - c);
        ss_w_vec d[SS_W_TERMS];
        for (int i = 0; i < SS_W_TERMS; i++)
            d[i] = _mm512_maskz_loadu_ps(px->in[i] ? some : 0, from + px->at[i] + c);
        ss_w_in_plane(d);
        for (int f = 0; f < SS_W_TERMS; f++)
            _mm512_mask_storeu_ps(v + f * s->x_term + c, some, d[f]);
    }
}

void ss_w_bring(const ss_w_shape *s, const ss_w_part *p, int64_t first, const float *x, float *v)
{
    ss_w_pixels px[SS_W_GROUP];
    const int64_t plane = s->in[1] * s->in[2] * s->c;
    const int64_t count = ss_w_find_group(s, p, first, true, px);
    for (int64_t zz = 0; zz < s->deep_in; zz++) {
        const int64_t z = p->z + zz - s->pad[0];
        const bool in = z >= 0 && z < s->in[0];
        const float *from = x + (p->n * s->in[0] + (in ? z : 0)) * plane;
        for (int64_t t = 0; t < count; t++) {
            float *to = v + ((first + t) * s->deep_in + zz) * s->c;
            if (in) {
                bring_one(s, &px[t], from, to);
            } else {
                for (int f = 0; f < SS_W_TERMS; f++)
                    memset(to + f * s->x_term, 0, (size_t)s->c * 4);
            }
        }
    }
}

static void give_one(const ss_w_shape *s, const ss_w_pixels *px, const float *m, const float *bias,
                     float *to)
{
    for (int64_t o = 0; o < s->o; o += SS_W_LANES) {
        const __mmask16 some = ss_w_first(s->o - o);
        ss_w_vec d[SS_W_TERMS];
        for (int f = 0; f < SS_W_TERMS; f++)
            d[f] = _mm512_maskz_loadu_ps(some, m + f * s->y_term + o);
        ss_w_out_plane(d);
        const ss_w_vec b = bias ? _mm512_maskz_loadu_ps(some, bias + o) : _mm512_setzero_ps();
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < 2; j++)
                if (px->in[4 * i + j])
                    _mm512_mask_storeu_ps(to + px->at[4 * i + j] + o, some, d[4 * i + j] + b);
    }
}

/* Results of a group of tiles out of their terms m. */
static void give(const ss_w_shape *s, const ss_w_part *p, int64_t first, const float *m,
                 const float *bias, float *y)
{
    ss_w_pixels px[SS_W_GROUP];
    const int64_t plane = s->out[1] * s->out[2] * s->o;
    const int64_t count = ss_w_find_group(s, p, first, false, px);
    for (int64_t zz = 0; zz < p->slices; zz++) {
        const float *from = m + zz / s->deep * s->cols + zz % s->deep * s->o;
        float *to = y + (p->n * s->out[0] + p->z + zz) * plane;
        for (int64_t t = 0; t < count; t++)
            give_one(s, &px[t], from + (first + t) * s->rows * s->cols, bias, to);
    }
}

/* Where element (row, col) of a term's weights lies: panels of 32 columns, the last perhaps 16. */
static int64_t packed(const ss_w_shape *s, int64_t row, int64_t col)
{
    const int64_t first = col / SS_W_WIDE * SS_W_WIDE;
    return first * s->k + row * ss_min64(SS_W_WIDE, s->cols - first) + col - first;
}

/* Terms of the weights w [q->o, q->c, kd, 3, 3]; for x (`back`) they are turned around. */
static void weights(const ss_w_shape *s, const float *w, bool back, float *u)
{
    const int64_t term = s->k * s->cols, taps = s->kd * 9;
    const int64_t of_o = back ? taps : s->c * taps, of_c = back ? s->o * taps : taps;
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i at = _mm512_mullo_epi32(lanes, _mm512_set1_epi32((int)of_o));
    if (s->deep > 1 || s->cols != s->o) memset(u, 0, (size_t)(SS_W_TERMS * term) * 4);
    SS_PARALLEL_FOR (i, s->c * s->kd, s->o * SS_W_TERMS) {
        const int64_t c = i / s->kd, z = i % s->kd;
        const float *from = w + c * of_c + (back ? s->kd - 1 - z : z) * 9;
        for (int64_t o = 0; o < s->o; o += SS_W_LANES) {
            const __mmask16 some = ss_w_first(s->o - o);
            ss_w_vec g[SS_W_TERMS];
            for (int k = 0; k < 9; k++)
                g[k / 3 * 4 + k % 3] = _mm512_mask_i32gather_ps(
                    _mm512_setzero_ps(), some, at, from + o * of_o + (back ? 8 - k : k), 4);
            ss_w_weight_plane(g);
            for (int64_t b = 0; b < s->deep; b++) {
                float *to = u + packed(s, (b + z) * s->c + c, b * s->o + o);
                for (int f = 0; f < SS_W_TERMS; f++)
                    _mm512_mask_storeu_ps(to + f * term, some, g[f]);
            }
        }
    }
}

static void block(const ss_w_shape *s, int64_t i, const float *x, const float *u, const float *bias,
                  float *y, float *v, float *m)
{
    const ss_w_part p = ss_w_part_of(s, i);
    for (int64_t t = 0; t < p.tiles; t += SS_W_GROUP) ss_w_bring(s, &p, t, x, v);
    for (int f = 0; f < SS_W_TERMS; f++)
        for (int64_t col = 0; col < s->cols; col += SS_W_WIDE) {
            const int64_t wide = ss_min64(SS_W_WIDE, s->cols - col);
            for (int64_t t = 0; t < p.tiles; t++) {
                const ss_w_product one = {
                    .a = v + f * s->x_term + t * s->deep_in * s->c,
                    .ai = s->deep * s->c,
                    .ak = 1,
                    .b = u + f * s->k * s->cols + packed(s, 0, col),
                    .bk = wide,
                    .c = m + f * s->y_term + t * s->rows * s->cols + col,
                    .ci = s->cols,
                    .k = s->k,
                };
                ss_w_panel(&one, p.rows, wide);
            }
        }
    for (int64_t t = 0; t < p.tiles; t += SS_W_GROUP) give(s, &p, t, m, bias, y);
}

static size_t block_floats(const ss_w_shape *s)
{
    return (size_t)(SS_W_TERMS * (s->x_term + s->y_term));
}

static size_t weight_floats(const ss_w_shape *s)
{
    return (size_t)(SS_W_TERMS * s->k * s->cols);
}

size_t ss_winograd_bytes(const ss_conv *q, const ss_conv_args *a)
{
    ss_w_shape s;
    ss_w_shape_of(&s, q, a->result);
    if (a->result == SS_CONV_W) return ss_w_dw_bytes(&s);
    ss_w_cut(&s, s.c > MANY ? MORE : MEMORY);
    return 4 * (weight_floats(&s) + (size_t)omp_get_max_threads() * block_floats(&s));
}

void ss_winograd_run(const ss_conv *q, const ss_conv_args *a, void *scratch)
{
    ss_w_shape s;
    const bool back = a->result == SS_CONV_X;
    ss_w_shape_of(&s, q, a->result);
    if (a->result == SS_CONV_W) {
        ss_w_dw(&s, a->x->data, a->y->data, a->w->data, scratch);
        return;
    }
    ss_w_cut(&s, s.c > MANY ? MORE : MEMORY);
    float *u = scratch, *buffers = u + weight_floats(&s);
    weights(&s, a->w->data, back, u);
    const float *x = back ? a->y->data : a->x->data;
    const float *bias = a->b && a->b->present ? a->b->data : NULL;
    float *y = back ? a->x->data : a->y->data;
    SS_PARALLEL_FOR (i, ss_w_blocks(&s), s.y_term * s.k) {
        float *v = buffers + (size_t)omp_get_thread_num() * block_floats(&s);
        block(&s, i, x, u, bias, y, v, v + SS_W_TERMS * s.x_term);
    }
}
