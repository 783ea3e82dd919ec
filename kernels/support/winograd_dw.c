/* winograd_dw.c — the weight gradient of winograd.h: a term's is the product of the terms of x and
 * of those of dy. Blocks of the volume go one after another, so that sums have one order whatever
 * the number of threads. */
#include "winograd_block.h"
#include "winograd_shape.h"

enum {
    SLICES = 48, /* of a block, and with many channels */
    MOST_SLICES = 128,
    MEMORY = 1 << 20, /* of a block's buffers, and with many channels, whose gradients are read
                         and written for every block */
    MORE = 3 << 20,
    MANY = 64
};

static ss_w_shape cut(const ss_w_shape *s)
{
    ss_w_shape t = *s;
    if (s->c > MANY)
        ss_w_cut(&t, MOST_SLICES, MORE);
    else
        ss_w_cut(&t, SLICES, MEMORY);
    return t;
}

size_t ss_w_dw_bytes(const ss_w_shape *s)
{
    const ss_w_shape t = cut(s);
    return 4 * (size_t)(ss_w_weight_floats(&t) + t.terms * (t.x_term + t.y_term));
}

/* Products of rows [i, i + SS_W_ROWS) of term f, over all of a block. */
static void rows(const ss_w_shape *s, const ss_w_part *p, int64_t f, int64_t i, const float *v,
                 const float *m, float *u)
{
    for (int64_t col = 0; col < s->cols; col += SS_W_WIDE) {
        const ss_w_product one = {
            .a = v + f * s->x_term + i,
            .an = s->deep_in * s->c,
            .ai = 1,
            .ak = s->deep * s->c,
            .b = m + f * s->y_term + col,
            .bn = s->rows * s->cols,
            .bk = s->cols,
            .c = u + (f * s->k + i) * s->cols + col,
            .ci = s->cols,
            .k = p->rows,
            .times = p->tiles,
            .add = true,
        };
        ss_w_panel(&one, ss_min64(SS_W_ROWS, s->k - i), ss_min64(SS_W_WIDE, s->cols - col));
    }
}

static void block(const ss_w_shape *s, const ss_w_part *p, const float *x, const float *dy,
                  float *v, float *m, float *u)
{
    const int64_t groups = ss_ceil_div(s->k, SS_W_ROWS);
    SS_PARALLEL_FOR (g, ss_ceil_div(p->tiles, SS_W_GROUP), SS_GRAIN) {
        ss_w_bring(s, p, g * SS_W_GROUP, x, v);
        ss_w_bring_results(s, p, g * SS_W_GROUP, dy, m);
    }
    SS_PARALLEL_FOR (i, s->terms * groups, p->tiles * p->rows * s->cols * SS_W_ROWS)
        rows(s, p, i / groups, i % groups * SS_W_ROWS, v, m, u);
}

void ss_w_dw(const ss_w_shape *whole, const float *x, const float *dy, float *dw, void *scratch)
{
    const ss_w_shape s = cut(whole);
    float *u = scratch, *v = u + ss_w_weight_floats(&s), *m = v + s.terms * s.x_term;
    memset(u, 0, (size_t)ss_w_weight_floats(&s) * 4);
    for (int64_t n = 0; n < s.n; n++)
        for (int64_t a = 0; a < ss_w_across(&s); a++)
            for (int64_t d = 0; d < ss_w_along(&s); d++) {
                const ss_w_part p = ss_w_part_of(&s, n, a, d);
                block(&s, &p, x, dy, v, m, u);
            }
    ss_w_weights_back(&s, u, dw);
}
