/* winograd_dw.c — the weight gradient of winograd.h: a term's is the product of the terms of x and
 * of those of dy. Chunks of the volume go one after another, so that sums have one order whatever
 * the number of threads. */
#include "winograd_block.h"
#include "winograd_shape.h"

enum { MEMORY = 1 << 20, MORE = 3 << 20, MANY = 64 }; /* of a chunk's buffers */

/* `in`: the slice exists. Columns that stand for nothing become zero. */
static void bring_one(const ss_w_shape *s, const ss_w_pixels *px, bool in, const float *from,
                      float *m)
{
    for (int64_t o = 0; o < s->o; o += SS_W_LANES) {
        const __mmask16 some = ss_w_first(s->o - o), all = s->deep == 1 ? 0xffff : some;
        ss_w_vec d[SS_W_TERMS];
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < 2; j++)
                d[4 * i + j] = _mm512_maskz_loadu_ps(in && px->in[4 * i + j] ? some : 0,
                                                     from + px->at[4 * i + j] + o);
        ss_w_out_back_plane(d);
        for (int f = 0; f < SS_W_TERMS; f++)
            _mm512_mask_storeu_ps(m + f * s->y_term + o, all, d[f]);
    }
}

/* Terms of dy of a group of tiles of block p: m[term][tile][row][cols]. */
static void bring_dy(const ss_w_shape *s, const ss_w_part *p, int64_t first, const float *dy,
                     float *m)
{
    ss_w_pixels px[SS_W_GROUP];
    const int64_t plane = s->out[1] * s->out[2] * s->o;
    const int64_t count = ss_w_find_group(s, p, first, false, px);
    for (int64_t zz = 0; zz < p->rows * s->deep; zz++) {
        const bool in = zz < p->slices;
        const float *from = dy + (p->n * s->out[0] + p->z + (in ? zz : 0)) * plane;
        float *to = m + zz / s->deep * s->cols + zz % s->deep * s->o;
        for (int64_t t = 0; t < count; t++)
            bring_one(s, &px[t], in, from, to + (first + t) * s->rows * s->cols);
    }
}

/* dw from the gradients of its terms: slices of depth that stand side by side are added up. */
static void finish(const ss_w_shape *s, const float *u, float *dw)
{
    const int64_t term = s->k * s->cols, taps = s->kd * 9;
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i at = _mm512_mullo_epi32(lanes, _mm512_set1_epi32((int)(s->c * taps)));
    SS_PARALLEL_FOR (i, s->c * s->kd, s->o * SS_W_TERMS) {
        const int64_t c = i / s->kd, z = i % s->kd;
        for (int64_t o = 0; o < s->o; o += SS_W_LANES) {
            const __mmask16 some = ss_w_first(s->o - o);
            ss_w_vec g[SS_W_TERMS];
            for (int f = 0; f < SS_W_TERMS; f++) {
                g[f] = _mm512_setzero_ps();
                for (int64_t b = 0; b < s->deep; b++)
                    g[f] += _mm512_maskz_loadu_ps(
                        some, u + f * term + ((b + z) * s->c + c) * s->cols + b * s->o + o);
            }
            ss_w_weight_back_plane(g);
            float *to = dw + (o * s->c + c) * taps + z * 9;
            for (int k = 0; k < 9; k++)
                _mm512_mask_i32scatter_ps(to + k, some, at, g[k / 3 * 4 + k % 3], 4);
        }
    }
}

static ss_w_shape cut(const ss_w_shape *s)
{
    ss_w_shape t = *s;
    ss_w_cut(&t, s->c > MANY ? MORE : MEMORY);
    return t;
}

size_t ss_w_dw_bytes(const ss_w_shape *s)
{
    const ss_w_shape t = cut(s);
    return 4 * (size_t)(SS_W_TERMS * (t.k * t.cols + t.x_term + t.y_term));
}

/* Products of rows [i, i + SS_W_ROWS) of term f, over all of a block. */
static void rows(const ss_w_shape *s, const ss_w_part *p, int64_t f, int64_t i, const float *v,
                 const float *m, float *u)
{
    for (int64_t col = 0; col < s->cols; col += SS_W_WIDE)
        for (int64_t t = 0; t < p->tiles; t++) {
            const ss_w_product one = {
                .a = v + f * s->x_term + t * s->deep_in * s->c + i,
                .ai = 1,
                .ak = s->deep * s->c,
                .b = m + f * s->y_term + t * s->rows * s->cols + col,
                .bk = s->cols,
                .c = u + (f * s->k + i) * s->cols + col,
                .ci = s->cols,
                .k = p->rows,
                .add = true,
            };
            ss_w_panel(&one, ss_min64(SS_W_ROWS, s->k - i), ss_min64(SS_W_WIDE, s->cols - col));
        }
}

void ss_w_dw(const ss_w_shape *whole, const float *x, const float *dy, float *dw, void *scratch)
{
    const ss_w_shape s = cut(whole);
    const int64_t groups = ss_ceil_div(s.k, SS_W_ROWS);
    float *u = scratch, *v = u + SS_W_TERMS * s.k * s.cols, *m = v + SS_W_TERMS * s.x_term;
    memset(u, 0, (size_t)(SS_W_TERMS * s.k * s.cols) * 4);
    for (int64_t b = 0; b < ss_w_blocks(&s); b++) {
        const ss_w_part p = ss_w_part_of(&s, b);
        SS_PARALLEL_FOR (g, ss_ceil_div(p.tiles, SS_W_GROUP), SS_GRAIN) {
            ss_w_bring(&s, &p, g * SS_W_GROUP, x, v);
            bring_dy(&s, &p, g * SS_W_GROUP, dy, m);
        }
        SS_PARALLEL_FOR (i, SS_W_TERMS * groups, p.tiles * p.rows * s.cols * SS_W_ROWS)
            rows(&s, &p, i / groups, i % groups * SS_W_ROWS, v, m, u);
    }
    finish(&s, u, dw);
}
