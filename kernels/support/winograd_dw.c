/* winograd_dw.c — the weight gradient of winograd.h: a term's is the product of the terms of x and
 * of those of dy. Sums have one order whatever the number of threads. */
#include "winograd_block.h"
#include "winograd_shape.h"
#include <omp.h>

enum {
    MORE = 3 << 20, /* as the gradients of weights are read and written for every block */
    SUMS = 16,
    SMALL = 1 << 16 /* floats */
};

static ss_w_shape cut(const ss_w_shape *s)
{
    ss_w_shape t = *s;
    ss_w_cut(&t, s->out[0], MORE);
    return t;
}

static int64_t blocks_of(const ss_w_shape *s)
{
    return s->n * ss_w_across(s) * ss_w_along(s);
}

/* How many sums there are of the gradients of terms: where they are small, some, so that threads
 * need not wait for each other after every block. It depends on sizes alone: sums then have one
 * order. */
static int64_t sums(const ss_w_shape *s)
{
    if (ss_w_weight_floats(s) > SMALL) return 1;
    return ss_max64(1, ss_min64(SUMS, blocks_of(s) / 2));
}

static int64_t buffer_floats(const ss_w_shape *s)
{
    return s->terms * (s->x_term + s->y_term);
}

size_t ss_w_dw_bytes(const ss_w_shape *s)
{
    const ss_w_shape t = cut(s);
    const int64_t threads = sums(&t) > 1 ? omp_get_max_threads() : 1;
    return 4 * (size_t)(sums(&t) * ss_w_weight_floats(&t) + threads * buffer_floats(&t));
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

static ss_w_part part(const ss_w_shape *s, int64_t i)
{
    const int64_t across = ss_w_across(s), along = ss_w_along(s);
    return ss_w_part_of(s, i / (across * along), i / along % across, i % along);
}

void ss_w_dw(const ss_w_shape *whole, const float *x, const float *dy, float *dw, void *scratch)
{
    const ss_w_shape s = cut(whole);
    const int64_t blocks = blocks_of(&s), count = sums(&s);
    const int64_t floats = ss_w_weight_floats(&s);
    float *u = scratch, *all = u + count * floats;
    SS_PARALLEL_FOR (k, count, SS_GRAIN) {
        float *own = u + k * floats, *v = all + omp_get_thread_num() * buffer_floats(&s);
        memset(own, 0, (size_t)floats * 4);
        for (int64_t b = k; b < blocks; b += count) {
            const ss_w_part p = part(&s, b);
            block(&s, &p, x, dy, v, v + s.terms * s.x_term, own);
        }
    }
    SS_PARALLEL_FOR (i, ss_ceil_div(floats, SS_CHUNK), count * SS_CHUNK) {
        const int64_t end = ss_min64(floats, (i + 1) * SS_CHUNK);
        for (int64_t k = 1; k < count; k++)
            for (int64_t l = i * SS_CHUNK; l < end; l++) u[l] += u[k * floats + l];
    }
    ss_w_weights_back(&s, u, dw);
}
