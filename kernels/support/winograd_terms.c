/* winograd_terms.c — tiles to terms and back; see winograd_shape.h. */
#include "winograd_shape.h"
#include "winograd_tile.h"

enum { LANES = 16, HALF = 8, TERMS = 16 };

/* Which of a tile's pixels exist in a plane, and how far they are from its begin. */
typedef struct {
    bool in[TERMS];
    int64_t at[TERMS];
} pixels;

static void find(pixels *p, const int64_t size[3], int64_t top, int64_t left, int64_t side,
                 int64_t channels)
{
    for (int64_t i = 0; i < side; i++)
        for (int64_t j = 0; j < side; j++) {
            const int64_t y = top + i, x = left + j;
            p->in[4 * i + j] = y >= 0 && y < size[1] && x >= 0 && x < size[2];
            p->at[4 * i + j] = p->in[4 * i + j] ? (y * size[2] + x) * channels : 0;
        }
}

/* Pixels of a group's tiles: 2x2 of results in a plane of this size, or those they are made from.
 */
static int64_t find_group(const ss_w_shape *s, const ss_w_part *p, int64_t first, bool results,
                          const int64_t size[3], int64_t channels, pixels px[SS_W_GROUP])
{
    const int64_t count = ss_min64(SS_W_GROUP, p->tiles - first);
    for (int64_t t = 0; t < count; t++) {
        const int64_t tile = p->tile + first + t, row = tile / s->wide, col = tile % s->wide;
        const int64_t apart = s->twice ? 1 : 2;
        if (results)
            find(&px[t], size, row * 2, col * 2, 2, channels);
        else
            find(&px[t], size, row * apart - s->pad[1], col * apart - s->pad[2], s->side, channels);
    }
    return count;
}

/* Vectors to work on at once: 16 channels of a slice, or 8 of one slice and 8 of the next, which
 * are `next` floats apart; fewer channels than lanes leave lanes out (those of `some` exist). */
typedef struct {
    bool pair;
    __mmask16 some;
    int64_t next;
} lanes;

SS_W_INLINE ss_w_vec load(const lanes *l, const float *at, bool in)
{
    if (!l->pair) return _mm512_maskz_loadu_ps(in ? l->some : 0, at);
    const __mmask16 some = in ? l->some : 0;
    return _mm512_mask_loadu_ps(_mm512_maskz_loadu_ps(some & 0x00ff, at), some & 0xff00,
                                at + l->next - 8);
}

SS_W_INLINE void store(const lanes *l, float *at, ss_w_vec v)
{
    if (!l->pair) {
        _mm512_mask_storeu_ps(at, l->some, v);
        return;
    }
    _mm512_mask_storeu_ps(at, l->some & 0x00ff, v);
    _mm512_mask_storeu_ps(at + l->next - 8, l->some & 0xff00, v);
}

/* Slices zz and zz + 1, of which `first` and `second` exist. */
static lanes pair_of(bool first, bool second, int64_t next)
{
    return (lanes){true, (__mmask16)((first ? 0x00ff : 0) | (second ? 0xff00 : 0)), next};
}

enum { X, DY }; /* what is read: side x side values, or gradients of 2x2 results */

/* Terms of one tile; lanes of `written` are written. */
SS_W_INLINE void one(int what, int side, const pixels *px, const lanes *l, const float *from,
                     __mmask16 written, float *to, int64_t term)
{
    const int pixel_side = what == X ? side : 2;
    ss_w_vec d[TERMS];
    for (int i = 0; i < pixel_side; i++)
        for (int j = 0; j < pixel_side; j++)
            d[4 * i + j] = load(l, from + px->at[4 * i + j], px->in[4 * i + j]);
    if (what == X)
        ss_w_in_plane(d, side);
    else
        ss_w_out_back_plane(d, side);
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++)
            _mm512_mask_storeu_ps(to + (i * side + j) * term, written, d[4 * i + j]);
}

/* Terms of one slice. `keep` writes zeros to the lanes behind the channels. */
SS_W_INLINE void slice(int what, int side, const pixels *px, bool in, const float *from,
                       int64_t channels, bool keep, float *to, int64_t term)
{
    for (int64_t c = 0; c < channels; c += LANES) {
        const __mmask16 some = ss_w_first(channels - c);
        const lanes l = {.some = in ? some : 0};
        one(what, side, px, &l, from + c, keep ? 0xffff : some, to + c, term);
    }
}

SS_W_INLINE void bring(int what, int side, const ss_w_shape *s, const ss_w_part *p, int64_t first,
                       const float *x, float *v)
{
    pixels px[SS_W_GROUP];
    const int64_t plane = s->in[1] * s->in[2] * s->c;
    const int64_t count = find_group(s, p, first, what == DY, s->in, s->c, px);
    const int64_t deep_in = p->rows * s->deep + s->kd - 1;
    const bool pair = s->c == HALF;
    for (int64_t zz = 0; zz < deep_in; zz += pair ? 2 : 1) {
        const int64_t z = p->z + zz - s->pad[0];
        const bool in = z >= 0 && z < s->in[0], more = z + 1 >= 0 && z + 1 < s->in[0];
        const float *from = x + (p->n * s->in[0] + z) * plane;
        const lanes l = pair_of(in, more, plane);
        const __mmask16 fit = zz + 1 < s->deep_in ? 0xffff : 0x00ff;
        for (int64_t t = 0; t < count; t++) {
            float *to = v + ((first + t) * s->deep_in + zz) * s->c;
            if (pair)
                one(what, side, &px[t], &l, from, fit, to, s->x_term);
            else
                slice(what, side, &px[t], in, from, s->c, false, to, s->x_term);
        }
    }
}

void ss_w_bring(const ss_w_shape *s, const ss_w_part *p, int64_t first, const float *x, float *v)
{
    if (s->side == 4)
        bring(X, 4, s, p, first, x, v);
    else
        bring(X, 3, s, p, first, x, v);
}

void ss_w_bring_dy(const ss_w_shape *s, const ss_w_part *p, int64_t first, const float *dy,
                   float *v)
{
    bring(DY, 3, s, p, first, dy, v);
}

SS_W_INLINE void bring_results(int side, const ss_w_shape *s, const ss_w_part *p, int64_t first,
                               const float *dy, float *m)
{
    pixels px[SS_W_GROUP];
    const int64_t plane = s->out[1] * s->out[2] * s->o;
    const int64_t count = find_group(s, p, first, true, s->out, s->o, px);
    const bool pair = s->o == HALF;
    for (int64_t zz = 0; zz < p->rows * s->deep; zz += pair ? 2 : 1) {
        const bool in = zz < p->slices;
        const float *from = dy + (p->n * s->out[0] + p->z + zz) * plane;
        const lanes l = pair_of(in, zz + 1 < p->slices, plane);
        for (int64_t t = 0; t < count; t++) {
            float *to =
                m + (first + t) * s->rows * s->cols + zz / s->deep * s->cols + zz % s->deep * s->o;
            if (pair)
                one(DY, side, &px[t], &l, from, 0xffff, to, s->y_term);
            else
                slice(DY, side, &px[t], in, from, s->o, s->deep == 1, to, s->y_term);
        }
    }
}

void ss_w_bring_results(const ss_w_shape *s, const ss_w_part *p, int64_t first, const float *dy,
                        float *m)
{
    if (s->side == 4)
        bring_results(4, s, p, first, dy, m);
    else
        bring_results(3, s, p, first, dy, m);
}

enum { GIVE, ADD };

/* Values of one tile from its terms, which are a whole vector; b: the bias. */
SS_W_INLINE void give_one(int what, int side, const pixels *px, const lanes *l, const float *m,
                          int64_t term, ss_w_vec b, float *to)
{
    const int pixel_side = what == GIVE ? 2 : side;
    ss_w_vec d[TERMS];
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) d[4 * i + j] = _mm512_loadu_ps(m + (i * side + j) * term);
    if (what == GIVE)
        ss_w_out_plane(d, side);
    else
        ss_w_in_back_plane(d, side);
    for (int i = 0; i < pixel_side; i++)
        for (int j = 0; j < pixel_side; j++) {
            if (!px->in[4 * i + j]) continue;
            float *at = to + px->at[4 * i + j];
            store(l, at, d[4 * i + j] + (what == GIVE ? b : load(l, at, true)));
        }
}

SS_W_INLINE void give_slice(int what, int side, const pixels *px, const float *m, int64_t term,
                            int64_t channels, const float *bias, float *to)
{
    for (int64_t o = 0; o < channels; o += LANES) {
        const lanes l = {.some = ss_w_first(channels - o)};
        const ss_w_vec b = bias ? load(&l, bias + o, true) : _mm512_setzero_ps();
        give_one(what, side, px, &l, m + o, term, b, to + o);
    }
}

SS_W_INLINE void give(int what, int side, const ss_w_shape *s, const ss_w_part *p, int64_t first,
                      const float *m, const float *bias, float *y)
{
    pixels px[SS_W_GROUP];
    const int64_t plane = s->out[1] * s->out[2] * s->o;
    const int64_t count = find_group(s, p, first, what == GIVE, s->out, s->o, px);
    const bool pair = s->o == HALF;
    const lanes same = pair_of(true, true, 0);
    const ss_w_vec b = pair && bias ? load(&same, bias, true) : _mm512_setzero_ps();
    for (int64_t zz = 0; zz < p->slices; zz += pair ? 2 : 1) {
        const float *from = m + zz / s->deep * s->cols + zz % s->deep * s->o;
        const lanes l = pair_of(true, zz + 1 < p->slices, plane);
        float *to = y + (p->n * s->out[0] + p->z + zz) * plane;
        for (int64_t t = 0; t < count; t++) {
            const float *terms = from + (first + t) * s->rows * s->cols;
            if (pair)
                give_one(what, side, &px[t], &l, terms, s->y_term, b, to);
            else
                give_slice(what, side, &px[t], terms, s->y_term, s->o, bias, to);
        }
    }
}

void ss_w_give(const ss_w_shape *s, const ss_w_part *p, int64_t first, const float *m,
               const float *bias, float *y)
{
    if (s->side == 4)
        give(GIVE, 4, s, p, first, m, bias, y);
    else
        give(GIVE, 3, s, p, first, m, bias, y);
}

void ss_w_add(const ss_w_shape *s, const ss_w_part *p, int64_t first, const float *m, float *dx)
{
    give(ADD, 3, s, p, first, m, NULL, dx);
}
