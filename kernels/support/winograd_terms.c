/* winograd_terms.c — tiles to terms and back; see winograd_shape.h. */
#include "winograd_shape.h"
#include "winograd_tile.h"

enum { LANES = 16, TERMS = 16 };

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

/* Pixels of a group's tiles: 2x2 of results in a plane of this size, or those they are made from. */
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

enum { X, DY }; /* what one() reads: side x side values, or gradients of 2x2 results */

/* Terms of one tile of one slice. `keep` writes zeros to the lanes behind the channels. */
SS_W_INLINE void one(int what, int side, const pixels *px, bool in, const float *from,
                     int64_t channels, bool keep, float *to, int64_t term)
{
    const int pixel_side = what == X ? side : 2;
    for (int64_t c = 0; c < channels; c += LANES) {
        const __mmask16 some = ss_w_first(channels - c);
        ss_w_vec d[TERMS];
        for (int i = 0; i < pixel_side; i++)
            for (int j = 0; j < pixel_side; j++)
                d[4 * i + j] = _mm512_maskz_loadu_ps(in && px->in[4 * i + j] ? some : 0,
                                                     from + px->at[4 * i + j] + c);
        if (what == X)
            ss_w_in_plane(d, side);
        else
            ss_w_out_back_plane(d, side);
        for (int i = 0; i < side; i++)
            for (int j = 0; j < side; j++)
                _mm512_mask_storeu_ps(to + (i * side + j) * term + c, keep ? 0xffff : some,
                                      d[4 * i + j]);
    }
}

SS_W_INLINE void bring(int what, int side, const ss_w_shape *s, const ss_w_part *p, int64_t first,
                       const float *x, float *v)
{
    pixels px[SS_W_GROUP];
    const int64_t plane = s->in[1] * s->in[2] * s->c;
    const int64_t count = find_group(s, p, first, what == DY, s->in, s->c, px);
    const int64_t deep_in = p->rows * s->deep + s->kd - 1;
    for (int64_t zz = 0; zz < deep_in; zz++) {
        const int64_t z = p->z + zz - s->pad[0];
        const bool in = z >= 0 && z < s->in[0];
        const float *from = x + (p->n * s->in[0] + (in ? z : 0)) * plane;
        for (int64_t t = 0; t < count; t++)
            one(what, side, &px[t], in, from, s->c, false,
                v + ((first + t) * s->deep_in + zz) * s->c, s->x_term);
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
    for (int64_t zz = 0; zz < p->rows * s->deep; zz++) {
        const bool in = zz < p->slices;
        const float *from = dy + (p->n * s->out[0] + p->z + (in ? zz : 0)) * plane;
        float *to = m + zz / s->deep * s->cols + zz % s->deep * s->o;
        for (int64_t t = 0; t < count; t++)
            one(DY, side, &px[t], in, from, s->o, s->deep == 1,
                to + (first + t) * s->rows * s->cols, s->y_term);
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

SS_W_INLINE void give_one(int what, int side, const ss_w_shape *s, const pixels *px, const float *m,
                          const float *bias, float *to)
{
    const int pixel_side = what == GIVE ? 2 : side;
    for (int64_t o = 0; o < s->o; o += LANES) {
        const __mmask16 some = ss_w_first(s->o - o);
        ss_w_vec d[TERMS];
        for (int i = 0; i < side; i++)
            for (int j = 0; j < side; j++)
                d[4 * i + j] =
                    _mm512_maskz_loadu_ps(some, m + (i * side + j) * s->y_term + o);
        if (what == GIVE)
            ss_w_out_plane(d, side);
        else
            ss_w_in_back_plane(d, side);
        const ss_w_vec b = bias ? _mm512_maskz_loadu_ps(some, bias + o) : _mm512_setzero_ps();
        for (int i = 0; i < pixel_side; i++)
            for (int j = 0; j < pixel_side; j++) {
                if (!px->in[4 * i + j]) continue;
                float *at = to + px->at[4 * i + j] + o;
                const ss_w_vec more = what == GIVE ? b : _mm512_maskz_loadu_ps(some, at);
                _mm512_mask_storeu_ps(at, some, d[4 * i + j] + more);
            }
    }
}

SS_W_INLINE void give(int what, int side, const ss_w_shape *s, const ss_w_part *p, int64_t first,
                      const float *m, const float *bias, float *y)
{
    pixels px[SS_W_GROUP];
    const int64_t plane = s->out[1] * s->out[2] * s->o;
    const int64_t count = find_group(s, p, first, what == GIVE, s->out, s->o, px);
    for (int64_t zz = 0; zz < p->slices; zz++) {
        const float *from = m + zz / s->deep * s->cols + zz % s->deep * s->o;
        float *to = y + (p->n * s->out[0] + p->z + zz) * plane;
        for (int64_t t = 0; t < count; t++)
            give_one(what, side, s, &px[t], from + (first + t) * s->rows * s->cols, bias, to);
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
