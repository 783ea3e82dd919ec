/* winograd_shape.h — how winograd.c and winograd_dw.c cut a convolution into blocks.
 *
 * A block is some tiles of one sample over some slices of depth. Its buffers, with a term's part
 * after another's: terms of x [tile][slice][c], of `deep_in` slices; terms of results [tile][row]
 * [cols], where a row holds `deep` slices of o channels, so that few channels fill a vector too. */
#ifndef SEMISAM_WINOGRAD_SHAPE_H
#define SEMISAM_WINOGRAD_SHAPE_H
#include "../cpu.h"
#include "conv_shape.h"
#include "winograd_tile.h"

enum { SS_W_TERMS = 16, SS_W_GROUP = 8 };

typedef struct {
    int64_t n, c, o, kd;         /* of a convolution at stride 1, c channels in and o out */
    int64_t in[3], out[3], pad[3];
    int64_t wide, all;           /* tiles in a row of the plane, in the plane */
    int64_t deep, k, cols;       /* slices in a row; terms of a product; floats of a row */
    int64_t tiles, slices;       /* of a block, at most */
    int64_t rows, deep_in;       /* of one tile in a block */
    int64_t x_term, y_term;      /* floats of one term's part of a block's buffers */
} ss_w_shape;

static inline int64_t ss_w_slices_blocks(const ss_w_shape *s)
{
    return ss_ceil_div(s->out[0], s->slices);
}
static inline int64_t ss_w_blocks(const ss_w_shape *s)
{
    return s->n * ss_ceil_div(s->all, s->tiles) * ss_w_slices_blocks(s);
}

/* One of the blocks. */
typedef struct {
    int64_t n, tile, tiles, z, slices, rows;
} ss_w_part;

static inline ss_w_part ss_w_part_of(const ss_w_shape *s, int64_t i)
{
    const int64_t along = ss_w_slices_blocks(s), across = ss_ceil_div(s->all, s->tiles);
    ss_w_part p = {.n = i / (along * across),
                   .tile = i / along % across * s->tiles,
                   .z = i % along * s->slices};
    p.tiles = ss_min64(s->tiles, s->all - p.tile);
    p.slices = ss_min64(s->slices, s->out[0] - p.z);
    p.rows = ss_ceil_div(p.slices, s->deep);
    return p;
}

/* Which of a tile's pixels exist, from (top, left) on in a plane of size[1] x size[2], and how far
 * they are from the plane's begin. */
typedef struct {
    bool in[SS_W_TERMS];
    int64_t at[SS_W_TERMS];
} ss_w_pixels;

static inline void ss_w_find(ss_w_pixels *p, const int64_t size[3], int64_t top, int64_t left,
                             int side, int64_t c)
{
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) {
            const int64_t y = top + i, x = left + j;
            const bool in = y >= 0 && y < size[1] && x >= 0 && x < size[2];
            p->in[4 * i + j] = in;
            p->at[4 * i + j] = in ? (y * size[2] + x) * c : 0;
        }
}

/* The tiles of a group, as pixels of x (those they are made from) or of results; how many there are. */
static inline int64_t ss_w_find_group(const ss_w_shape *s, const ss_w_part *p, int64_t first, bool of_x,
                    ss_w_pixels px[SS_W_GROUP])
{
    const int64_t count = ss_min64(SS_W_GROUP, p->tiles - first);
    for (int64_t t = 0; t < count; t++) {
        const int64_t tile = p->tile + first + t;
        const int64_t top = tile / s->wide * 2, left = tile % s->wide * 2;
        if (of_x)
            ss_w_find(&px[t], s->in, top - s->pad[1], left - s->pad[2], 4, s->c);
        else
            ss_w_find(&px[t], s->out, top, left, 2, s->o);
    }
    return count;
}

/* Chooses tiles and slices of a block; `most` bounds the bytes of its buffers where rows allow. */
void ss_w_cut(ss_w_shape *s, int64_t most);
/* Geometry of y (or of w) from q, or of x: the convolution of y with turned weights. */
void ss_w_shape_of(ss_w_shape *s, const ss_conv *q, ss_conv_result result);
/* Terms of x in block p: v[term][tile][slice][c]. One call does SS_W_GROUP tiles from `first` on,
 * slice by slice, since tiles are neighbours in memory and slices are not. */
void ss_w_bring(const ss_w_shape *s, const ss_w_part *p, int64_t first, const float *x, float *v);

/* w, with results in winograd_dw.c. */
size_t ss_w_dw_bytes(const ss_w_shape *s);
void ss_w_dw(const ss_w_shape *s, const float *x, const float *dy, float *dw, void *scratch);
#endif
