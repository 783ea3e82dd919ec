/* conv_split.c — a convolution in f32 as pieces of split factors that cuDNN multiplies in TF32. */
#include "conv_split.h"
#include "conv_cudnn.h"

#if SS_HAS_CUDNN

/* What all pieces share. */
typedef struct pieces {
    const ss_conv_job *r;
    const ss_conv_split *s;
    ss_conv_split_parts at;
    const ss_dnn_plan *full, *last; /* of the last piece, along the axis or of the samples */
    int64_t x_plane, y_plane;       /* elements of one row along the axis */
} pieces;

static int64_t plane_of(const ss_conv_split *s, const int64_t size[3], int64_t channels)
{
    for (int i = s->axis + 1; i < 3; i++) channels *= size[i];
    return channels;
}

/* Where the result of a piece goes. */
static float *result_at(const pieces *p, int64_t sample, int64_t first)
{
    const ss_conv_split *s = p->s;
    const int64_t row = sample * s->size + first;
    if (s->result == SS_CONV_W) return row ? p->at.w : p->r->w;
    return s->result == SS_CONV_X ? (float *)p->r->x + row * p->x_plane
                                  : (float *)p->r->y + row * p->y_plane;
}

/* The plan of pieces of this size; *runs says whether there is one. */
static ss_status plan_piece(ss_call *c, ss_libs *l, const pieces *p, int64_t samples, int64_t rows,
                            const ss_dnn_plan **plan, bool *runs)
{
    const ss_conv_split *s = p->s;
    const ss_conv q = ss_conv_split_piece(s, samples, rows);
    /* Results of pieces begin anywhere, those of weights do not. */
    const int64_t step = s->result == SS_CONV_X   ? p->x_plane
                         : s->result == SS_CONV_Y ? p->y_plane
                                                  : 0;
    const uintptr_t places = (uintptr_t)result_at(p, 0, 0) | (uintptr_t)step * sizeof(float);
    ss_dnn_conv k;
    ss_dnn_conv_of(&k, &q, s->result, SS_F32, SS_F32, ss_conv_dnn_align(places));
    k.tf32 = 1;
    *plan = ss_conv_dnn_plan(c, l, &k, s->work);
    *runs = *plan && ss_conv_dnn_runs(*plan, s->work);
    return *plan ? SS_OK : SS_E_NOMEM;
}

static ss_status plan_all(ss_call *c, ss_libs *l, pieces *p, bool *runs)
{
    const ss_conv_split *s = p->s;
    const int64_t rows = s->size % s->rows, samples = p->r->q->n % s->samples;
    ss_status st = plan_piece(c, l, p, s->samples, s->rows, &p->full, runs);
    p->last = p->full;
    if (!st && *runs && (rows || samples))
        st = plan_piece(c, l, p, samples ? samples : s->samples, rows ? rows : s->rows, &p->last,
                        runs);
    return st;
}

/* w comes packed. */
static void split_weight(ss_gpu *g, const pieces *p)
{
    const ss_conv *q = p->r->q;
    const bool beside = p->s->result == SS_CONV_Y;
    ss_conv_split_factor(g, &(ss_factor){.from = p->r->w,
                                         .to = p->at.w,
                                         .samples = 1,
                                         .size = 1,
                                         .plane = (int64_t)ss_conv_weights(q),
                                         .rows = 1,
                                         .channels = beside ? q->c : 0,
                                         .lo = 1});
}

/* The factors of a piece: x but for its own gradient, dy for the gradients. */
static void split_factors(ss_gpu *g, const pieces *p, int64_t sample, int64_t samples,
                          int64_t first, int64_t rows)
{
    const ss_conv_split *s = p->s;
    const ss_conv *q = p->r->q, piece = ss_conv_split_piece(s, samples, rows);
    const int a = s->axis;
    ss_factor f = {.samples = samples, .lo = 2};
    if (p->at.x) {
        f.size = q->x[a], f.plane = p->x_plane, f.rows = piece.x[a];
        f.first = ss_conv_split_from(s, first);
        f.channels = s->result == SS_CONV_Y ? q->c : 0;
        f.from = (const float *)p->r->x + sample * f.size * f.plane;
        f.to = p->at.x;
        ss_conv_split_factor(g, &f);
    }
    if (p->at.y) {
        const bool dw = s->result == SS_CONV_W;
        f.size = q->y[a], f.plane = p->y_plane, f.rows = piece.y[a];
        f.first = dw ? first : ss_conv_split_from(s, first);
        f.channels = dw ? 0 : q->o;
        f.lo = dw ? 1 : 2;
        f.from = (const float *)p->r->y + sample * f.size * f.plane;
        f.to = p->at.y;
        ss_conv_split_factor(g, &f);
    }
}

static ss_status run_piece(ss_call *c, ss_gpu *g, ss_libs *l, const pieces *p, int64_t sample,
                           int64_t first)
{
    const ss_conv_split *s = p->s;
    const int64_t left = p->r->q->n - sample, below = s->size - first,
                  samples = left < s->samples ? left : s->samples,
                  rows = below < s->rows ? below : s->rows;
    const bool full = samples == s->samples && rows == s->rows;
    float *out = result_at(p, sample, first);
    split_factors(g, p, sample, samples, first, rows);
    const ss_status st = ss_conv_dnn_run(c, l, full ? p->full : p->last,
                                         (void *const[]){s->result == SS_CONV_X ? out : p->at.x,
                                                         s->result == SS_CONV_W ? out : p->at.w,
                                                         s->result == SS_CONV_Y ? out : p->at.y},
                                         p->at.work);
    if (!st && s->result == SS_CONV_W && out != p->r->w)
        ss_conv_split_add(g, p->r->w, out, (int64_t)ss_conv_weights(p->r->q));
    return st;
}

ss_status ss_conv_by_split(ss_call *c, ss_gpu *g, const ss_conv_job *r, const ss_conv_split *s,
                           bool *done)
{
    ss_libs *l = ss_libs_with_dnn(c, g);
    ss_lay lay = {r->work, 0};
    pieces p = {.r = r,
                .s = s,
                .x_plane = plane_of(s, r->q->x, r->q->c),
                .y_plane = plane_of(s, r->q->y, r->q->o)};
    *done = false;
    if (!l) return SS_E_NOMEM;
    if (!l->dnn) return SS_OK;
    ss_conv_split_lay(&lay, s, &p.at);
    bool runs;
    ss_status st = plan_all(c, l, &p, &runs);
    if (st || !runs) return st;
    if (s->result != SS_CONV_W) split_weight(g, &p);
    for (int64_t n = 0; n < r->q->n && !st; n += s->samples)
        for (int64_t at = 0; at < s->size && !st; at += s->rows) st = run_piece(c, g, l, &p, n, at);
    *done = !st;
    return st;
}

#else

ss_status ss_conv_by_split(ss_call *c, ss_gpu *g, const ss_conv_job *r, const ss_conv_split *s,
                           bool *done)
{
    (void)c, (void)g, (void)r, (void)s;
    *done = false;
    return SS_OK;
}

#endif
