/* cuda_attend.h — sizes and scratch of attention on the device; C and C++, for plan_cuda.
 *
 * A unit is one head of one sample, a line the queries of the official three-dimensional form that
 * differ in the last index alone. Of the position terms q.table[p - i + window - 1] only those of
 * the query's own place are kept: one per key index i of each axis. */
#ifndef SEMISAM_SUPPORT_CUDA_ATTEND_H
#define SEMISAM_SUPPORT_CUDA_ATTEND_H
#include "../op.h"
#include "attend_args.h"
#include <math.h>
#include <string.h>

enum { SS_AT_TILE = 64, SS_AT_GROUPS = 64 };

typedef struct ss_cuda_attend {
    int64_t n, heads, tq, tk, e;
    int64_t keys, units; /* tk, and one more with padding tokens; n heads */
    int rel, axes;
    int64_t grid[3], window[3];
    int64_t wide, off[3]; /* kept terms of a query; where those of an axis start */
    int64_t cols, col[3]; /* rows of all tables; where those of an axis start */
    int64_t lines;        /* of a unit, in the official form */
    int64_t groups;       /* partial sums of the tables' gradients */
    bool pad;
    float scale, empty; /* log of the number of padding tokens */
    float *terms;       /* [units, tq, wide] */
    float *pad_log;     /* [units, tq]: log sum exp of the padding tokens' terms */
    float *pad_terms;   /* [heads, cols]: of the padding query, official form */
    float *line_log;    /* [units, lines, window]: log sum of two axes over padding tokens */
    float *delta;       /* [units, tq]: sum of dy out */
    float *dterms;      /* [units, wide, tq] */
    float *pad_ds;      /* [units, tq]: gradient of the padding tokens' logit */
    float *dline;       /* [units, lines, window - grid, window, 2] */
    float *dpad_terms;  /* [heads, cols] */
    float *pad_kv;      /* [units, 2, e] */
    float *tables;      /* [groups, cols, e] */
    int64_t parts;      /* of the keys, each with blocks of its own, where queries are few */
    int64_t part;       /* keys of a part */
    float *part_acc;    /* [parts, units, tq, e]: sums not yet divided */
    float *part_state;  /* [parts, units, tq, 2]: largest logit, sum of weights */
    size_t bytes;
} ss_cuda_attend;

/* Memory for n floats; without any, only counted. */
static inline float *ss_at_memory(ss_cuda_attend *a, float *from, int64_t n)
{
    float *p = from ? from + a->bytes / 4 : from;
    a->bytes += (size_t)((n + 63) / 64 * 64) * 4;
    return p;
}

static inline void ss_at_positions(const ss_call *c, ss_cuda_attend *a)
{
    const ss_attr *grid = &c->attr[SS_AT_GRID], *window = &c->attr[SS_AT_WINDOW];
    double all = 1;
    a->rel = (int)c->attr[SS_AT_REL].v[0];
    a->axes = grid->n > 0 ? grid->n : 0;
    for (int i = 0; i < a->axes; i++) {
        a->grid[i] = grid->v[i];
        a->window[i] = window->n > 0 ? window->v[i] : grid->v[i];
        all *= (double)a->window[i];
        if (a->rel == SS_REL_NONE) continue;
        a->off[i] = a->wide;
        a->wide += a->window[i];
        a->col[i] = a->cols;
        a->cols += 2 * a->window[i] - 1;
    }
    a->empty = (float)log(all - (double)a->tk);
    if (a->rel == SS_REL_3D_OFFICIAL) a->lines = a->grid[0] * a->grid[1];
}

/* Few queries and many keys would leave most of a GPU idle: the keys are dealt out to more blocks,
 * whose sums are put together afterwards. The choice looks at no card: results are the same on all
 * of them. */
static inline void ss_at_divide(ss_cuda_attend *a)
{
    const int64_t enough = 256, least = 256;
    const int64_t blocks = (a->tq + SS_AT_TILE - 1) / SS_AT_TILE * a->units;
    int64_t parts = blocks > 0 ? enough / blocks : 1;
    if (parts > a->tk / least) parts = a->tk / least;
    if (parts < 1) parts = 1;
    a->part = (a->tk + parts - 1) / parts;
    a->part = (a->part + SS_AT_TILE - 1) / SS_AT_TILE * SS_AT_TILE;
    a->parts = a->part > 0 ? (a->tk + a->part - 1) / a->part : 1;
    if (a->parts < 1) a->parts = 1;
}

/* Sizes of a call, and where its scratch lies (see bytes before there is any). */
static inline ss_cuda_attend ss_cuda_attend_of(const ss_call *c, bool grad)
{
    const ss_view *q = &c->in[SS_AT_Q];
    ss_cuda_attend a;
    memset(&a, 0, sizeof a);
    a.n = q->shape[0];
    a.tq = q->shape[1];
    a.heads = q->shape[2];
    a.e = q->shape[3];
    a.tk = c->in[SS_AT_K].shape[1];
    float *at = (float *)c->scratch;
    a.pad = c->in[SS_AT_PAD].present;
    a.keys = a.tk + a.pad;
    a.units = a.n * a.heads;
    a.scale =
        (float)(c->attr[SS_AT_SCALE].n < 0 ? 1 / sqrt((double)a.e) : c->attr[SS_AT_SCALE].num);
    ss_at_positions(c, &a);
    const bool line_pad = a.pad && a.rel == SS_REL_3D_OFFICIAL;
    const int64_t tiles = (a.tq + SS_AT_TILE - 1) / SS_AT_TILE * a.units, w = a.window[0];
    a.groups = tiles < SS_AT_GROUPS ? tiles : (int64_t)SS_AT_GROUPS;
    a.terms = ss_at_memory(&a, at, a.units * a.tq * a.wide);
    a.pad_log = ss_at_memory(&a, at, a.pad ? a.units * a.tq : 0);
    a.pad_terms = ss_at_memory(&a, at, line_pad ? a.heads * a.cols : 0);
    a.line_log = ss_at_memory(&a, at, line_pad ? a.units * a.lines * w : 0);
    if (!grad) {
        ss_at_divide(&a);
        if (a.parts == 1) return a;
        a.part_acc = ss_at_memory(&a, at, a.parts * a.units * a.tq * a.e);
        a.part_state = ss_at_memory(&a, at, a.parts * a.units * a.tq * 2);
        return a;
    }
    a.delta = ss_at_memory(&a, at, a.units * a.tq);
    a.dterms = ss_at_memory(&a, at, a.units * a.tq * a.wide);
    a.pad_ds = ss_at_memory(&a, at, a.pad ? a.units * a.tq : 0);
    a.dline = ss_at_memory(&a, at, line_pad ? a.units * a.lines * (w - a.grid[0]) * w * 2 : 0);
    a.dpad_terms = ss_at_memory(&a, at, line_pad ? a.heads * a.cols : 0);
    a.pad_kv = ss_at_memory(&a, at, a.pad ? a.units * 2 * a.e : 0);
    a.tables = ss_at_memory(&a, at, a.rel ? a.groups * a.cols * a.e : 0);
    return a;
}
#endif
