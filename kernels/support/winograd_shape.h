/* winograd_shape.h — how winograd.c and winograd_dw.c cut a convolution into blocks, and what is
 * done to a block's tiles (winograd_terms.c).
 *
 * A block is some tiles of one sample over some slices of depth. Its buffers, one term's part after
 * another's: terms of what is read, [tile][slice][c], and terms of results, [tile][row][cols],
 * where a row holds `deep` slices of o channels, so that few channels fill a vector too. */
#ifndef SEMISAM_WINOGRAD_SHAPE_H
#define SEMISAM_WINOGRAD_SHAPE_H
#include "../cpu.h"
#include "conv_shape.h"

enum { SS_W_GROUP = 8 };

typedef struct {
    int64_t n, c, o, kd; /* of a convolution at stride 1, c channels in and o out */
    int64_t in[3], out[3], pad[3];
    bool back, twice;      /* x from dy; every row and column of x counts twice (x has half of y) */
    int64_t side, terms;   /* terms along an axis, of a tile */
    int64_t wide, all;     /* tiles in a row of the plane, in the plane */
    int64_t deep, k, cols; /* slices in a row; terms of a product; floats of a row */
    int64_t tiles, slices; /* of a block, at most */
    int64_t rows, deep_in; /* of one tile in a block */
    int64_t x_term, y_term; /* floats of one term's part of a block's buffers */
} ss_w_shape;

static inline int64_t ss_w_along(const ss_w_shape *s)
{
    return ss_ceil_div(s->out[0], s->slices);
}
static inline int64_t ss_w_across(const ss_w_shape *s)
{
    return ss_ceil_div(s->all, s->tiles);
}

typedef struct {
    int64_t n, tile, tiles, z, slices, rows;
} ss_w_part;

/* Block `across` of those over the plane, `along` of those over depth, of sample n. */
static inline ss_w_part ss_w_part_of(const ss_w_shape *s, int64_t n, int64_t across, int64_t along)
{
    ss_w_part p = {.n = n, .tile = across * s->tiles, .z = along * s->slices};
    p.tiles = ss_min64(s->tiles, s->all - p.tile);
    p.slices = ss_min64(s->slices, s->out[0] - p.z);
    p.rows = ss_ceil_div(p.slices, s->deep);
    return p;
}

/* Geometry of y or w from q, or of x: a convolution of dy with turned weights. */
void ss_w_shape_of(ss_w_shape *s, const ss_conv *q, ss_conv_result result);
/* Chooses tiles and slices of a block: up to most_slices, and buffers that fit the second cache
 * where rows allow; `more` are the bytes they may have with many channels, whose weights are read
 * again for every block. */
void ss_w_cut(ss_w_shape *s, int64_t most_slices, int64_t more);

/* Each of these does SS_W_GROUP tiles of block p from `first` on, slice by slice, since tiles are
 * neighbours in memory and slices are not. */

/* v[term][tile][slice][c]: terms of x [n, in.., c]. */
void ss_w_bring(const ss_w_shape *s, const ss_w_part *p, int64_t first, const float *x, float *v);
/* v[term][tile][slice][c] from dy [n, in.., c], whose tiles are 2x2. */
void ss_w_bring_dy(const ss_w_shape *s, const ss_w_part *p, int64_t first, const float *dy,
                   float *v);
/* m[term][tile][row][cols] from dy [n, out.., o], as the second operand of the weight gradient. */
void ss_w_bring_results(const ss_w_shape *s, const ss_w_part *p, int64_t first, const float *dy,
                        float *m);
/* y [n, out.., o] = results + bias (NULL: none). */
void ss_w_give(const ss_w_shape *s, const ss_w_part *p, int64_t first, const float *m,
               const float *bias, float *y);
/* dx [n, out.., o] += what the terms' gradients give to the 3x3 values of each tile. */
void ss_w_add(const ss_w_shape *s, const ss_w_part *p, int64_t first, const float *m, float *dx);

/* winograd_weights.c: floats of the terms of w, and the terms, packed for ss_w_panel(). */
int64_t ss_w_weight_floats(const ss_w_shape *s);
void ss_w_weights(const ss_w_shape *s, const float *w, float *u);
/* Where element (row, col) of a term's packed weights lies. */
int64_t ss_w_packed(const ss_w_shape *s, int64_t row, int64_t col);
/* dw from the gradients u[term][k][cols] of its terms. */
void ss_w_weights_back(const ss_w_shape *s, const float *u, float *dw);

/* winograd_dw.c */
size_t ss_w_dw_bytes(const ss_w_shape *s);
void ss_w_dw(const ss_w_shape *s, const float *x, const float *dy, float *dw, void *scratch);
#endif
