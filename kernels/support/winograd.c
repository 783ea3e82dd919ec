/* winograd.c — y and x of convolutions with 3x3 kernels; see winograd.h. */
#include "winograd.h"
#include "winograd_block.h"
#include "winograd_shape.h"
#include <omp.h>

enum {
    CHANNELS = 8,        /* fewer leave the products too narrow, */
    PAIRS = 128,         /* or are too few products for the sums around them */
    DEPTH = 4,           /* fewer slices leave too few rows, */
    FEW = 1024,          /* fewer results do not pay for the terms of the weights, */
    MORE_RESULTS = 4096, /* with as many weights as these: */
    MORE_WEIGHTS = 128 * 256,
    TASKS = 4,   /* of a thread, at least, where there are tiles for them */
    SLICES = 48, /* of a block, and with many channels */
    MANY_SLICES = 128,
    BACK_SLICES = 24, /* where a thread has all tiles of some slices */
    MEMORY = 1 << 20, /* of a block's buffers, and with many channels */
    MORE = 3 << 19,
    MANY = 64
};

static bool f32(const ss_view *v)
{
    return v->dtype == SS_F32;
}

bool ss_winograd_serves(const ss_conv *q, const ss_conv_args *a)
{
    if (q->groups != 1 || q->c < CHANNELS || q->o < CHANNELS || q->c * q->o < PAIRS) return false;
    if (q->k[1] != 3 || q->k[2] != 3 || q->y[0] < DEPTH || q->x[0] < DEPTH) return false;
    for (int i = 0; i < 3; i++)
        if (q->step[i] != 1 || q->dilation[i] != 1 || q->pad[i] >= q->k[i]) return false;
    const int64_t results = q->n * ss_conv_volume(q->y);
    if (results < FEW || (results < MORE_RESULTS && q->c * q->o > MORE_WEIGHTS)) return false;
    if (q->twice && (q->pad[1] != 1 || q->pad[2] != 1)) return false;
    return f32(a->x) && f32(a->w) && f32(a->y) && (!a->b || !a->b->present || f32(a->b));
}

/* An odd number of cache lines: terms side by side then do not meet in one set of the cache. */
static int64_t apart(int64_t floats)
{
    return (floats / SS_W_LANES + 1) / 2 * 2 * SS_W_LANES + SS_W_LANES;
}

void ss_w_cut(ss_w_shape *s, int64_t most_slices, int64_t more)
{
    const int64_t deep = s->deep, most = s->c > MANY ? more : MEMORY;
    const int64_t slices = ss_min64(most_slices, s->c > MANY ? MANY_SLICES : SLICES);
    s->slices = ss_ceil_div(ss_min64(s->out[0], slices), deep) * deep;
    for (;; s->slices = ss_ceil_div(s->slices, 2 * deep) * deep) {
        s->rows = s->slices / deep;
        s->deep_in = s->slices + s->kd - 1;
        const int64_t tile = s->terms * 4 * (s->deep_in * s->c + s->rows * s->cols);
        s->tiles = ss_min64(s->all, ss_max64(1, most / tile));
        if (tile <= most || s->rows <= 2 * SS_W_ROWS) break;
    }
    s->x_term = apart(s->tiles * s->deep_in * s->c);
    s->y_term = apart(s->tiles * s->rows * s->cols);
}

void ss_w_shape_of(ss_w_shape *s, const ss_conv *q, ss_conv_result result)
{
    const bool back = result == SS_CONV_X;
    *s = (ss_w_shape){.n = q->n,
                      .c = back ? q->o : q->c,
                      .o = back ? q->c : q->o,
                      .kd = q->k[0],
                      .back = back,
                      .twice = q->twice,
                      .side = q->twice ? 3 : 4};
    for (int i = 0; i < 3; i++) {
        const int64_t x = q->twice && i > 0 ? q->x[i] / 2 : q->x[i];
        s->in[i] = back ? q->y[i] : x;
        s->out[i] = back ? x : q->y[i];
        s->pad[i] = back && !(q->twice && i > 0) ? q->k[i] - 1 - q->pad[i] : q->pad[i];
    }
    s->terms = s->side * s->side;
    s->wide = q->twice ? q->x[2] / 2 : ss_ceil_div(s->out[2], 2);
    s->all = s->wide * (q->twice ? q->x[1] / 2 : ss_ceil_div(s->out[1], 2));
    s->deep = s->o < SS_W_LANES && SS_W_LANES % s->o == 0 ? SS_W_LANES / s->o : 1;
    s->cols = ss_ceil_div(s->deep * s->o, SS_W_LANES) * SS_W_LANES;
    s->k = (s->deep + s->kd - 1) * s->c;
}

typedef struct {
    const float *x, *u, *bias;
    float *y, *v, *m;
} buffers;

/* Every thread has its part of the buffers. */
static buffers own(const ss_w_shape *s, buffers b)
{
    b.v += (int64_t)omp_get_thread_num() * s->terms * (s->x_term + s->y_term);
    b.m = b.v + s->terms * s->x_term;
    return b;
}

static void products(const ss_w_shape *s, const ss_w_part *p, const buffers *b)
{
    for (int64_t f = 0; f < s->terms; f++)
        for (int64_t col = 0; col < s->cols; col += SS_W_WIDE) {
            const int64_t wide = ss_min64(SS_W_WIDE, s->cols - col);
            for (int64_t t = 0; t < p->tiles; t++) {
                const ss_w_product one = {
                    .a = b->v + f * s->x_term + t * s->deep_in * s->c,
                    .ai = s->deep * s->c,
                    .ak = 1,
                    .b = b->u + f * s->k * s->cols + ss_w_packed(s, 0, col),
                    .bk = wide,
                    .c = b->m + f * s->y_term + t * s->rows * s->cols + col,
                    .ci = s->cols,
                    .k = s->k,
                    .times = 1,
                };
                ss_w_panel(&one, p->rows, wide);
            }
        }
}

static void forward(const ss_w_shape *s, buffers all)
{
    const int64_t across = ss_w_across(s), along = ss_w_along(s);
    SS_PARALLEL_FOR (i, s->n * across * along, s->y_term * s->k) {
        const buffers b = own(s, all);
        const ss_w_part p = ss_w_part_of(s, i / (across * along), i / along % across, i % along);
        for (int64_t t = 0; t < p.tiles; t += SS_W_GROUP) ss_w_bring(s, &p, t, b.x, b.v);
        products(s, &p, &b);
        for (int64_t t = 0; t < p.tiles; t += SS_W_GROUP) ss_w_give(s, &p, t, b.m, b.bias, b.y);
    }
}

/* x of a doubled x: tiles add to their neighbours' values, so one thread has all of a slice. */
static void backward_twice(const ss_w_shape *s, buffers all)
{
    const int64_t across = ss_w_across(s), along = ss_w_along(s);
    const int64_t slice = s->out[1] * s->out[2] * s->o;
    SS_PARALLEL_FOR (i, s->n * along, across * s->y_term * s->k) {
        const buffers b = own(s, all);
        const int64_t z = i % along * s->slices;
        float *to = b.y + (i / along * s->out[0] + z) * slice;
        memset(to, 0, (size_t)(ss_min64(s->slices, s->out[0] - z) * slice) * 4);
        for (int64_t a = 0; a < across; a++) {
            const ss_w_part p = ss_w_part_of(s, i / along, a, i % along);
            for (int64_t t = 0; t < p.tiles; t += SS_W_GROUP) ss_w_bring_dy(s, &p, t, b.x, b.v);
            products(s, &p, &b);
            for (int64_t t = 0; t < p.tiles; t += SS_W_GROUP) ss_w_add(s, &p, t, b.m, b.y);
        }
    }
}

static ss_w_shape cut(const ss_conv *q, ss_conv_result result)
{
    ss_w_shape s;
    ss_w_shape_of(&s, q, result);
    ss_w_cut(&s, s.back && s.twice ? BACK_SLICES : MANY_SLICES, MORE);
    const int64_t tasks = TASKS * omp_get_max_threads();
    const int64_t most = ss_ceil_div(s.n * s.all * ss_w_along(&s), tasks);
    if (result != SS_CONV_W) s.tiles = ss_max64(1, ss_min64(s.tiles, most));
    return s;
}

size_t ss_winograd_bytes(const ss_conv *q, const ss_conv_args *a)
{
    const ss_w_shape s = cut(q, a->result);
    if (a->result == SS_CONV_W) return ss_w_dw_bytes(&s);
    return 4 * (size_t)(ss_w_weight_floats(&s) +
                        omp_get_max_threads() * s.terms * (s.x_term + s.y_term));
}

void ss_winograd_run(const ss_conv *q, const ss_conv_args *a, void *scratch)
{
    const ss_w_shape s = cut(q, a->result);
    if (a->result == SS_CONV_W) {
        ss_w_dw(&s, a->x->data, a->y->data, a->w->data, scratch);
        return;
    }
    float *u = scratch;
    const buffers b = {.x = s.back ? a->y->data : a->x->data,
                       .u = u,
                       .bias = a->b && a->b->present ? a->b->data : NULL,
                       .y = s.back ? a->x->data : a->y->data,
                       .v = u + ss_w_weight_floats(&s)};
    ss_w_weights(&s, a->w->data, u);
    if (s.back && s.twice)
        backward_twice(&s, b);
    else
        forward(&s, b);
}
