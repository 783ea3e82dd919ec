/* cuda_conv_split.h — f32 convolutions on tensor cores: every factor as the sum of two TF32
 * numbers.
 *
 * TF32 keeps 10 bits behind the leading one. With hi = TF32(v) and lo = TF32(v - hi) a product is
 * x w = x_hi w_hi + x_hi w_lo + x_lo w_hi, but for about 2^-22 of it. The three are one convolution
 * whose contracted dimension is three times as long:
 *
 *     y     channels of x: hi hi lo        channels of w: hi lo hi
 *     dx    channels of dy: hi hi lo       w along `out`: hi lo hi
 *     dw    samples of x: hi hi lo         samples of dy: hi lo hi
 *
 * The factors are written in pieces that fit the scratch: some whole samples, or a slab of one
 * along its outermost axis. A slab carries the rows it shares with its neighbours, zeros outside.
 * The weight gradients of the pieces are added in their order.
 *
 * What is split depends on the shape alone, so that meta:cuda counts the scratch; whether it is
 * done, on the card and the library. */
#ifndef SEMISAM_CUDA_CONV_SPLIT_H
#define SEMISAM_CUDA_CONV_SPLIT_H
#include "conv_shape.h"
#include "cuda_lay.h"

#define SS_CONV_SPLIT_CAP ((size_t)64 << 20)  /* of the split factors and what cuDNN works in */
#define SS_CONV_SPLIT_LEAN ((size_t)16 << 20) /* of that, for cuDNN, where it copies nothing */
#define SS_CONV_SPLIT_WORTH 100000000         /* multiply-adds below which it is not worth it */

/* cuDNN has code for sm_90 that reads the factors as they lie. Below, and where channels are odd in
 * number, it first copies them: then pieces are smaller. Both are tried, in this order. */
enum { SS_SPLIT_LEAN, SS_SPLIT_COPIED, SS_SPLIT_FORMS };

/* One convolution in pieces. */
typedef struct ss_conv_split {
    const ss_conv *q;
    ss_conv_result result;
    int axis;              /* that is cut */
    int64_t samples, rows; /* of a piece: of x for its gradient, else of y */
    int64_t size;          /* rows of a sample */
    bool cuttable;         /* slabs are possible */
    int form;
    size_t work; /* bytes for cuDNN */
} ss_conv_split;

/* Where the tripled factors lie, and what else a piece takes. */
typedef struct ss_conv_split_parts {
    float *x, *w, *y; /* w: a piece's weight gradient when that is the result; NULL: not split */
    char *work;
} ss_conv_split_parts;

static inline int64_t ss_conv_split_reach(const ss_conv_split *s)
{
    return (s->q->k[s->axis] - 1) * s->q->dilation[s->axis];
}

/* What cuDNN computes for a piece: its tripled dimension, and along the axis no pad but what a
 * gradient's slab has by its own shape. */
static inline ss_conv ss_conv_split_piece(const ss_conv_split *s, int64_t samples, int64_t rows)
{
    const int a = s->axis;
    const int64_t reach = ss_conv_split_reach(s);
    ss_conv p = *s->q;
    p.n = samples;
    if (s->result == SS_CONV_X) {
        p.o *= 3;
        p.x[a] = rows;
        if (s->cuttable) p.y[a] = rows + reach, p.pad[a] = reach;
        return p;
    }
    p.y[a] = rows;
    p.x[a] = (rows - 1) * p.step[a] + reach + 1;
    p.pad[a] = 0;
    if (s->result == SS_CONV_Y)
        p.c *= 3;
    else
        p.n *= 3;
    return p;
}

/* The row of the split factor, of x or of its gradient's y, that a piece of rows from `first`
 * begins with; it may lie outside. */
static inline int64_t ss_conv_split_from(const ss_conv_split *s, int64_t first)
{
    const int a = s->axis;
    if (s->result != SS_CONV_X) return first * s->q->step[a] - s->q->pad[a];
    return s->cuttable ? first + s->q->pad[a] - ss_conv_split_reach(s) : 0;
}

/* What cuDNN may want for a piece: copies with whole groups of four channels, and a little. */
static inline size_t ss_conv_split_work(const ss_conv_split *s, const ss_conv *piece)
{
    const int64_t c = (piece->c + 3) / 4 * 4, o = (piece->o + 3) / 4 * 4;
    int64_t n = o * c * ss_conv_taps(piece);
    if (s->result != SS_CONV_X) n += ss_conv_rows(piece, SS_CONV_X) * c;
    if (s->result != SS_CONV_Y) n += ss_conv_rows(piece, SS_CONV_Y) * o;
    const size_t work = (size_t)n * sizeof(float) + ((size_t)1 << 20);
    return s->form == SS_SPLIT_LEAN && work > SS_CONV_SPLIT_LEAN ? SS_CONV_SPLIT_LEAN : work;
}

/* Hands out or counts what a full piece takes. */
static inline void ss_conv_split_lay(ss_lay *l, const ss_conv_split *s, ss_conv_split_parts *to)
{
    const ss_conv p = ss_conv_split_piece(s, s->samples, s->rows);
    const size_t x = (size_t)(ss_conv_rows(&p, SS_CONV_X) * p.c) * sizeof(float),
                 y = (size_t)(ss_conv_rows(&p, SS_CONV_Y) * p.o) * sizeof(float);
    to->x = (float *)ss_take(l, s->result == SS_CONV_X ? 0 : x);
    to->w = (float *)ss_take(l, ss_conv_weights(&p) * sizeof(float));
    to->y = (float *)ss_take(l, s->result == SS_CONV_Y ? 0 : y);
    to->work = (char *)ss_take(l, ss_conv_split_work(s, &p));
}

static inline bool ss_conv_split_fits(ss_conv_split *s, int64_t samples, int64_t rows)
{
    ss_lay l = {NULL, 0};
    ss_conv_split_parts parts;
    s->samples = samples, s->rows = rows;
    ss_conv_split_lay(&l, s, &parts);
    return l.used <= SS_CONV_SPLIT_CAP;
}

/* The most of `all` that still fits, shared out evenly; 0 when one does not. */
static inline int64_t ss_conv_split_most(ss_conv_split *s, int64_t all, bool whole)
{
    int64_t good = 0, bad = all + 1;
    while (bad - good > 1) {
        const int64_t m = good + (bad - good) / 2;
        if (ss_conv_split_fits(s, whole ? m : 1, whole ? s->size : m))
            good = m;
        else
            bad = m;
    }
    const int64_t pieces = good ? (all + good - 1) / good : 1;
    return good ? (all + pieces - 1) / pieces : 0;
}

/* Whether factors of type t qualify, and the pieces. The shape is not empty. */
static inline bool ss_conv_split_of(const ss_conv *q, ss_conv_result r, ss_dtype t, int form,
                                    ss_conv_split *s)
{
    const double sums = (double)ss_conv_rows(q, SS_CONV_Y) * (double)ss_conv_weights(q);
    int a = 0;
    if (t != SS_F32 || q->groups != 1 || ss_conv_taps(q) == 1 || ss_conv_cuts(q) ||
        sums < SS_CONV_SPLIT_WORTH)
        return false;
    while (a < 2 && q->x[a] == 1 && q->y[a] == 1 && q->k[a] == 1) a++;
    s->q = q, s->result = r, s->axis = a, s->form = form;
    s->size = r == SS_CONV_X ? q->x[a] : q->y[a];
    s->cuttable = r != SS_CONV_X || q->step[a] == 1;
    int64_t samples = ss_conv_split_most(s, q->n, true), rows = s->size;
    if (!samples) {
        samples = 1;
        rows = s->cuttable ? ss_conv_split_most(s, s->size, false) : 0;
    }
    s->samples = samples, s->rows = rows;
    if (!rows) return false;
    const ss_conv piece = ss_conv_split_piece(s, samples, rows);
    s->work = ss_conv_split_work(s, &piece);
    return true;
}
#endif
