/* attend.h — what attention and its gradient share: sizes, packing, relative positions, padding.
 *
 * Everything is laid out so that all heavy work is small matrix products (tile.h):
 * - Relative position goes into the product of q and k: q is lengthened by its terms r[i] (one per
 *   key index i of each axis), k by the matching unit vectors. The terms themselves are columns of
 *   q T, T holding the tables as columns.
 * - All padding tokens of a window have the same k and v, so they act as one more key whose logit
 *   is q.k + log sum exp(their position terms), a sum that factors over the axes. */
#ifndef SEMISAM_ATTEND_H
#define SEMISAM_ATTEND_H
#include "attend_args.h"
#include "block.h"
#include "tile.h"
#include "vmath.h"
#include <omp.h>

enum { SS_AT_BLOCK = 48, SS_AT_BLOCK_FLOATS = 400000 };

#define SS_AT_SIG                                                                                  \
    "q: float, k: float, v: float, bias?: float, rel_h?: float, rel_w?: float, rel_d?: float, "    \
    "pad?: float"
#define SS_AT_ATTRS                                                                                \
    "scale?: number, rel: enum(none|2d|3d|3d_official) = none, grid?: ints, window?: ints"

typedef struct {
    int64_t n, heads, tq, tk, e;
    int64_t keys; /* tk, and one more with padding tokens */
    int rel, axes;
    int64_t grid[3], window[3]; /* real tokens; with the padding at the end of each axis */
    const ss_view *table[3];    /* by axis */
    int64_t col[3];             /* first column of an axis in T */
    int64_t ext, at[3];         /* terms added to q and k, and where those of an axis start */
    int64_t cols;               /* of T */
    int64_t ep, xp, sp, cp;     /* e, e + ext, keys, cols rounded up to a tile */
    int64_t block;              /* queries at a time */
    int64_t largest;            /* of the window's axes */
    float scale;
    bool pad;
    double empty; /* log of the number of padding tokens when there are no position terms */
} ss_attend;

static inline bool ss_at_textbook(const ss_attend *a)
{
    return a->rel == SS_REL_2D || a->rel == SS_REL_3D;
}

static inline ss_attend ss_attend_of(const ss_call *c)
{
    const ss_view *q = &c->in[SS_AT_Q], *k = &c->in[SS_AT_K];
    const ss_attr *grid = &c->attr[SS_AT_GRID], *window = &c->attr[SS_AT_WINDOW];
    ss_attend a = {.n = q->shape[0], .tq = q->shape[1], .heads = q->shape[2], .e = q->shape[3]};
    a.tk = k->shape[1];
    a.rel = (int)c->attr[SS_AT_REL].v[0];
    a.pad = c->in[SS_AT_PAD].present;
    a.keys = a.tk + a.pad;
    a.axes = grid->n > 0 ? grid->n : 0;
    double all = 1;
    for (int i = 0; i < a.axes; i++) {
        a.grid[i] = grid->v[i];
        a.window[i] = window->n > 0 ? window->v[i] : grid->v[i];
        all *= (double)a.window[i];
        a.largest = ss_max64(a.largest, a.window[i]);
    }
    a.empty = log(all - (double)a.tk);
    if (a.rel != SS_REL_NONE) {
        const int order2[] = {SS_AT_REL_H, SS_AT_REL_W};
        const int order3[] = {SS_AT_REL_D, SS_AT_REL_H, SS_AT_REL_W};
        for (int i = 0; i < a.axes; i++) {
            a.table[i] = &c->in[a.axes == 2 ? order2[i] : order3[i]];
            a.col[i] = a.cols;
            a.cols += 2 * a.window[i] - 1;
            a.at[i] = a.e + a.ext;
            if (a.rel != SS_REL_3D_OFFICIAL) a.ext += a.grid[i];
        }
        if (a.rel == SS_REL_3D_OFFICIAL) a.ext = a.grid[2];
    }
    a.scale =
        (float)(c->attr[SS_AT_SCALE].n < 0 ? 1 / sqrt((double)a.e) : c->attr[SS_AT_SCALE].num);
    a.ep = ss_round_up(a.e, SS_VL);
    a.xp = ss_round_up(a.e + a.ext, SS_VL);
    a.sp = ss_round_up(a.keys, SS_VL);
    a.cp = ss_round_up(a.cols, SS_VL);
    const int64_t fit = SS_AT_BLOCK_FLOATS / ss_max64(1, a.sp);
    a.block = ss_round_up(ss_max64(1, ss_min64(ss_min64(fit, SS_AT_BLOCK), a.tq)), SS_TM);
    return a;
}

/* ---- reading and writing rows ------------------------------------------------------------ */

/* Row t of head h of sample n of a strided [n, t, heads, e]. */
static inline void ss_at_row(float *to, const ss_view *v, int64_t n, int64_t t, int64_t h)
{
    const int64_t at = n * v->stride[0] + t * v->stride[1] + h * v->stride[2], e = v->shape[3];
    if (v->stride[3] == 1 || e == 1) {
        const float *from = ss_block_in(v, at, e, to);
        if (from != to) memcpy(to, from, (size_t)e * 4);
        return;
    }
    for (int64_t j = 0; j < e; j++) {
        float one;
        to[j] = *ss_block_in(v, at + j * v->stride[3], 1, &one);
    }
}

/* Asks for row t of head h of sample n ahead of time: the rows of one head lie a whole token apart,
 * which the processor does not foresee. */
static inline void ss_at_ahead(const ss_view *v, int64_t n, int64_t t, int64_t h)
{
    const int64_t size = (int64_t)ss_dtype_bytes(v->dtype);
    if (t >= v->shape[1] || v->stride[3] != 1) return;
    const char *at =
        (const char *)v->data + (n * v->stride[0] + t * v->stride[1] + h * v->stride[2]) * size;
    for (int64_t i = 0; i < v->shape[3] * size; i += 64) __builtin_prefetch(at + i, 0, 2);
}

/* Row i of a strided matrix view. */
static inline void ss_at_matrix_row(float *to, const ss_view *v, int64_t at, int axis)
{
    for (int64_t j = 0; j < v->shape[axis]; j++) {
        float one;
        to[j] = *ss_block_in(v, at + j * v->stride[axis], 1, &one);
    }
}

/* Vector `which` (q, k, v) of the padding tokens of head h; pad is [3, heads, e]. */
static inline void ss_at_pad_row(float *to, const ss_view *pad, int which, int64_t h)
{
    ss_at_matrix_row(to, pad, which * pad->stride[0] + h * pad->stride[1], 2);
}

/* ---- memory ------------------------------------------------------------------------------- */

/* Floats a unit (sample and head) needs in both directions. */
typedef struct {
    float *kt;    /* lengthened keys, panels of depth e + ext */
    float *v;     /* values [keys, e], panels of depth keys */
    float *q;     /* [tq + 1, ep], the last row the padding query; NULL without positions */
    float *terms; /* q T [tq + 1, cp] */
    float *t;     /* T [e, cp] */
} ss_at_unit;

static inline float *ss_at_take(float **from, int64_t n)
{
    float *p = *from;
    *from += ss_round_up(n, 16);
    return p;
}

static inline void ss_at_lay_out(ss_at_unit *u, const ss_attend *a, float **from)
{
    const int64_t rows = ss_round_up(a->tq + 1, SS_TM);
    u->kt = ss_at_take(from, ss_round_up(a->sp, SS_TN) * (a->e + a->ext));
    u->v = ss_at_take(from, a->keys * ss_round_up(a->ep, SS_TN));
    u->q = ss_at_take(from, a->rel ? rows * a->ep : 0);
    u->terms = ss_at_take(from, a->rel ? rows * a->cp : 0);
    u->t = ss_at_take(from, a->rel ? a->e * a->cp : 0);
}

/* ---- packing ------------------------------------------------------------------------------- */

/* Indices of token t along the axes of the grid. */
static inline void ss_at_place(const ss_attend *a, int64_t t, int64_t *p)
{
    for (int i = a->axes - 1; i >= 0; i--) {
        p[i] = t % a->grid[i];
        t /= a->grid[i];
    }
}

/* Unit vectors that pick the position terms of key t out of a lengthened query. */
static inline void ss_at_unit_terms(const ss_attend *a, int64_t t, float *row)
{
    int64_t p[3] = {0};
    memset(row + a->e, 0, (size_t)a->ext * 4);
    if (a->rel == SS_REL_NONE || t >= a->tk) return;
    ss_at_place(a, t, p);
    if (a->rel == SS_REL_3D_OFFICIAL) {
        row[a->e + p[2]] = 1;
        return;
    }
    for (int i = 0; i < a->axes; i++) row[a->at[i] + p[i]] = 1;
}

/* Lengthened key t: [e + ext]. */
static inline void ss_at_key(const ss_call *c, const ss_attend *a, int64_t n, int64_t h, int64_t t,
                             float *row)
{
    if (t < a->tk)
        ss_at_row(row, &c->in[SS_AT_K], n, t, h);
    else
        ss_at_pad_row(row, &c->in[SS_AT_PAD], 1, h);
    ss_at_unit_terms(a, t, row);
}

static inline void ss_at_value(const ss_call *c, const ss_attend *a, int64_t n, int64_t h,
                               int64_t t, float *row)
{
    if (t < a->tk)
        ss_at_row(row, &c->in[SS_AT_V], n, t, h);
    else
        ss_at_pad_row(row, &c->in[SS_AT_PAD], 2, h);
}

/* The tables as columns: T[j, col + r] = table[r, j]. */
static inline void ss_at_pack_tables(const ss_attend *a, float *t)
{
    memset(t, 0, (size_t)(a->e * a->cp) * 4);
    for (int i = 0; i < a->axes; i++)
        for (int64_t r = 0; r < 2 * a->window[i] - 1; r++)
            for (int64_t j = 0; j < a->e; j++) {
                const ss_view *v = a->table[i];
                float one;
                t[j * a->cp + a->col[i] + r] =
                    *ss_block_in(v, r * v->stride[0] + j * v->stride[1], 1, &one);
            }
}

/* Keys, values and position terms of one sample and head; `row` is scratch for a lengthened key. */
static inline void ss_at_pack(const ss_call *c, const ss_attend *a, int64_t n, int64_t h,
                              const ss_at_unit *u, float *row)
{
    const int64_t depth = a->e + a->ext;
    for (int64_t t = 0; t < a->sp; t++) {
        if (t < a->keys)
            ss_at_key(c, a, n, h, t, row);
        else
            memset(row, 0, (size_t)depth * 4);
        float *to = u->kt + ss_panel_index(depth, 0, t);
        for (int64_t j = 0; j < depth; j++) to[j * SS_TN] = row[j];
    }
    memset(row, 0, (size_t)a->ep * 4);
    for (int64_t t = 0; t < a->keys; t++) {
        ss_at_value(c, a, n, h, t, row);
        for (int64_t j = 0; j < a->ep; j += SS_VL)
            memcpy(u->v + ss_panel_index(a->keys, t, j), row + j, SS_VL * 4);
    }
    if (!a->rel) return;
    const int64_t rows = ss_round_up(a->tq + 1, SS_TM);
    memset(u->q, 0, (size_t)(rows * a->ep) * 4);
    for (int64_t t = 0; t < a->tq; t++) ss_at_row(u->q + t * a->ep, &c->in[SS_AT_Q], n, t, h);
    if (a->pad) ss_at_pad_row(u->q + a->tq * a->ep, &c->in[SS_AT_PAD], 0, h);
    ss_gemm(rows, a->cp, a->e, u->q, a->ep, 1, u->t, a->cp, SS_TN, u->terms, a->cp, false);
}

/* Where the term of query index p and key index i of an axis lies in a row of `terms`. */
static inline int64_t ss_at_col(const ss_attend *a, int axis, int64_t p, int64_t i)
{
    return a->col[axis] + p - i + a->window[axis] - 1;
}

/* Lengthened query t: scaled q, then its position terms. */
static inline void ss_at_query(const ss_call *c, const ss_attend *a, const ss_at_unit *u, int64_t n,
                               int64_t h, int64_t t, float *row)
{
    int64_t p[3] = {0};
    if (!a->rel) {
        ss_at_row(row, &c->in[SS_AT_Q], n, t, h);
        for (int64_t j = 0; j < a->e; j++) row[j] *= a->scale;
        return;
    }
    const float *q = u->q + t * a->ep;
    for (int64_t j = 0; j < a->e; j++) row[j] = q[j] * a->scale;
    const float *terms = u->terms + t * a->cp;
    ss_at_place(a, t, p);
    if (a->rel == SS_REL_3D_OFFICIAL) {
        for (int64_t l = 0; l < a->grid[2]; l++) row[a->e + l] = terms[ss_at_col(a, 0, p[0], l)];
        return;
    }
    for (int x = 0; x < a->axes; x++)
        for (int64_t i = 0; i < a->grid[x]; i++)
            row[a->at[x] + i] = terms[ss_at_col(a, x, p[x], i)];
}

/* ---- shapes ---------------------------------------------------------------------------------- */

ss_status ss_attend_infer(ss_call *c);
#endif
