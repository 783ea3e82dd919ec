/* elementwise.c — the driver of elementwise.h: axes are merged, blocks go to threads. */
#include "elementwise.h"
#include "strided.h"

enum { TASK_BLOCKS = 16 }; /* blocks one thread takes at a time: periodic operands amortise */

/* How one operand reaches the block function. */
typedef enum {
    DIRECT,   /* pointer into the tensor */
    PERIODIC, /* the same block everywhere: filled once per task */
    FLAT,     /* contiguous, other type: converted run */
    ROWS,     /* anything else: row by row */
} access_mode;

typedef struct {
    char *data;
    ss_dtype type;
    ss_as as;
    access_mode mode;
    bool flat; /* contiguous over all axes */
    size_t bytes;
    int64_t stride[SS_MAX_DIM];
} operand;

typedef struct {
    operand op[SS_EW_MAX_IN + 1]; /* the output first */
    int nop, nd;
    int64_t shape[SS_MAX_DIM], count, rows, inner;
    int64_t per_row, rows_per_block, blocks; /* a block is part of a row, or several rows */
    int64_t period;                          /* elements a periodic operand is expanded to */
} plan;

typedef union {
    float f[SS_EW_BLOCK];
    int64_t i[SS_EW_BLOCK];
    uint8_t b[SS_EW_BLOCK];
} buffer;

static bool same_type(ss_as as, ss_dtype t)
{
    return as == SS_AS_F32 ? t == SS_F32 : as == SS_AS_I64 ? t == SS_I64 : t == SS_BOOL;
}

static bool is_flat(const plan *p, const operand *o)
{
    int64_t want = 1;
    for (int a = p->nd - 1; a >= 0; a--) {
        if (o->stride[a] != want) return false;
        want *= p->shape[a];
    }
    return true;
}

static bool repeats_rows(const plan *p, const operand *o)
{
    for (int a = 0; a < p->nd - 1; a++)
        if (o->stride[a] != 0) return false;
    return p->inner < SS_EW_BLOCK || o->stride[p->nd - 1] == 0;
}

/* Aligns every operand with y's shape, then merges neighbouring axes that all of them walk as
 * one. */
static void make_plan(plan *p, const ss_ew *e, const ss_view *y, int nin, const ss_view *x)
{
    int64_t stride[SS_EW_MAX_IN + 1][SS_MAX_DIM];
    p->nop = nin + 1;
    p->nd = 0;
    p->count = y->count;
    for (int k = 0; k < p->nop; k++) {
        const ss_view *v = k ? &x[k - 1] : y;
        operand *o = &p->op[k];
        *o = (operand){.data = v->data, .type = v->dtype, .as = k ? e->in[k - 1] : e->out};
        o->bytes = ss_dtype_bytes(v->dtype);
        for (int a = 0; a < y->ndim; a++) {
            int b = a - (y->ndim - v->ndim);
            stride[k][a] = b < 0 || v->shape[b] == 1 ? 0 : v->stride[b];
        }
    }
    for (int a = 0; a < y->ndim; a++) {
        if (y->shape[a] == 1) continue;
        bool merge = p->nd > 0;
        for (int k = 0; merge && k < p->nop; k++)
            merge = p->op[k].stride[p->nd - 1] == stride[k][a] * y->shape[a];
        if (!merge) p->shape[p->nd++] = 1;
        p->shape[p->nd - 1] *= y->shape[a];
        for (int k = 0; k < p->nop; k++) p->op[k].stride[p->nd - 1] = stride[k][a];
    }
    if (p->nd == 0) {
        p->shape[p->nd++] = 1;
        for (int k = 0; k < p->nop; k++) p->op[k].stride[0] = k ? 0 : 1;
    }
    p->inner = p->shape[p->nd - 1];
    p->rows = p->count / p->inner;
    p->per_row = p->inner < SS_EW_BLOCK ? 1 : ss_ceil_div(p->inner, SS_EW_BLOCK);
    p->rows_per_block = p->inner < SS_EW_BLOCK ? SS_EW_BLOCK / p->inner : 1;
    p->blocks = ss_ceil_div(p->rows, p->rows_per_block) * p->per_row;
    p->period =
        p->inner < SS_EW_BLOCK ? ss_min64(p->rows_per_block, p->rows) * p->inner : SS_EW_BLOCK;
    for (int k = 0; k < p->nop; k++) {
        operand *o = &p->op[k];
        o->flat = is_flat(p, o);
        const bool unit = o->stride[p->nd - 1] == 1;
        const bool whole = o->flat || (unit && p->inner >= SS_EW_BLOCK);
        o->mode = whole && same_type(o->as, o->type) ? DIRECT
                  : k && repeats_rows(p, o)          ? PERIODIC
                  : o->flat                          ? FLAT
                                                     : ROWS;
    }
}

/* Where row r of the operand begins, in elements. */
static int64_t row_offset(const plan *p, const operand *o, int64_t r)
{
    int64_t at = 0;
    for (int a = p->nd - 2; a >= 0; a--) {
        at += r % p->shape[a] * o->stride[a];
        r /= p->shape[a];
    }
    return at;
}

static size_t as_bytes(ss_as as)
{
    return as == SS_AS_F32 ? 4 : as == SS_AS_I64 ? 8 : 1;
}

/* Moves one block between tensor and buffer: rows r.., columns c.., n elements in all. */
static void move_block(const plan *p, const operand *o, char *buf, int64_t r, int64_t c, int64_t n,
                       bool store)
{
    const int64_t inner = p->inner, s = o->stride[p->nd - 1];
    int64_t index[SS_MAX_DIM], at = row_offset(p, o, r), left = r;
    for (int a = p->nd - 2; a >= 0; a--) {
        index[a] = left % p->shape[a];
        left /= p->shape[a];
    }
    const int64_t run = ss_min64(n, inner - c);
    for (int64_t done = 0; done < n; done += run) {
        char *t = o->data + (at + c * s) * (int64_t)o->bytes,
             *b = buf + done * (int64_t)as_bytes(o->as);
        if (store)
            ss_store_run(t, o->type, s, b, o->as, run);
        else
            ss_load_run(b, o->as, t, o->type, s, run);
        for (int a = p->nd - 2; a >= 0; a--) { /* next row */
            at += o->stride[a];
            if (++index[a] < p->shape[a]) break;
            at -= o->stride[a] * p->shape[a];
            index[a] = 0;
        }
    }
}

/* The block of operand o that begins at row r, column c, as the block function reads it. */
static const void *read_block(const plan *p, const operand *o, buffer *buf, int64_t r, int64_t c,
                              int64_t n, bool first)
{
    const char *flat = o->data + (r * p->inner + c) * (int64_t)o->bytes;
    switch (o->mode) {
    case DIRECT:
        return o->flat ? flat : o->data + (row_offset(p, o, r) + c) * (int64_t)o->bytes;
    case FLAT:
        ss_load_run(buf, o->as, flat, o->type, 1, n);
        break;
    case ROWS:
        move_block(p, o, (char *)buf, r, c, n, false);
        break;
    case PERIODIC:
        if (first) move_block(p, o, (char *)buf, 0, 0, p->period, false);
        break;
    }
    return buf;
}

static void run_task(const ss_ew *e, const plan *p, int64_t first, int64_t last)
{
    buffer buf[SS_EW_MAX_IN + 1];
    const void *in[SS_EW_MAX_IN];
    const operand *y = &p->op[0];
    for (int64_t b = first; b < last; b++) {
        const int64_t r = b / p->per_row * p->rows_per_block, c = b % p->per_row * SS_EW_BLOCK;
        const int64_t n = p->inner < SS_EW_BLOCK
                              ? ss_min64(p->rows_per_block, p->rows - r) * p->inner
                              : ss_min64(SS_EW_BLOCK, p->inner - c);
        for (int k = 1; k < p->nop; k++)
            in[k - 1] = read_block(p, &p->op[k], &buf[k], r, c, n, b == first);
        const int64_t at = y->flat ? r * p->inner + c : row_offset(p, y, r) + c;
        char *dst = y->data + at * (int64_t)y->bytes;
        e->fn(y->mode == DIRECT ? (void *)dst : (void *)&buf[0], in, e->arg, n);
        if (y->mode == FLAT)
            ss_store_run(dst, y->type, 1, &buf[0], y->as, n);
        else if (y->mode != DIRECT)
            move_block(p, y, (char *)&buf[0], r, c, n, true);
    }
}

void ss_ew_run(const ss_ew *e, const ss_view *y, int nin, const ss_view *x)
{
    plan p;
    if (y->count == 0) return;
    make_plan(&p, e, y, nin, x);
    const int64_t tasks = ss_ceil_div(p.blocks, TASK_BLOCKS);
    SS_PARALLEL_FOR (t, tasks, ss_ceil_div(p.count, tasks))
        run_task(e, &p, t * TASK_BLOCKS, ss_min64(p.blocks, (t + 1) * TASK_BLOCKS));
}

/* ---- how ops call it ----------------------------------------------------- */

static ss_status run_as(ss_call *c, ss_ew_fn *fn, const void *arg, ss_as out, ss_as in)
{
    const ss_ew e = {.fn = fn, .arg = arg, .out = out, .in = {in, in, in, in}};
    ss_ew_run(&e, &c->out[0], c->nin, c->in);
    return SS_OK;
}

ss_status ss_ew_f32(ss_call *c, ss_ew_fn *fn, const void *arg)
{
    return run_as(c, fn, arg, SS_AS_F32, SS_AS_F32);
}

ss_status ss_ew_num(ss_call *c, ss_ew_fn *f32, ss_ew_fn *i64, const void *arg)
{
    if (ss_is_float(c->out[0].dtype)) return run_as(c, f32, arg, SS_AS_F32, SS_AS_F32);
    return run_as(c, i64, arg, SS_AS_I64, SS_AS_I64);
}

ss_status ss_ew_compare(ss_call *c, ss_ew_fn *f32, ss_ew_fn *i64)
{
    if (ss_is_float(c->in[0].dtype) || ss_is_float(c->in[1].dtype))
        return run_as(c, f32, NULL, SS_AS_BOOL, SS_AS_F32);
    return run_as(c, i64, NULL, SS_AS_BOOL, SS_AS_I64);
}

ss_status ss_infer_like(ss_call *c)
{
    return ss_out_like(c, 0, &c->in[0]);
}

ss_status ss_infer_broadcast(ss_call *c)
{
    return ss_out_broadcast(c, 0, c->in[0].dtype, c->nin);
}

ss_status ss_infer_promote(ss_call *c)
{
    return ss_out_broadcast(c, 0, ss_promote(&c->in[0], &c->in[1]), 2);
}

ss_status ss_infer_quotient(ss_call *c)
{
    const ss_dtype t = ss_promote(&c->in[0], &c->in[1]);
    return ss_out_broadcast(c, 0, ss_is_float(t) ? t : SS_F32, 2);
}

ss_status ss_infer_compare(ss_call *c)
{
    return ss_out_broadcast(c, 0, SS_BOOL, 2);
}

ss_status ss_infer_inplace(ss_call *c)
{
    const ss_view *x = &c->in[0];
    for (int a = 0; a < x->ndim; a++)
        if (x->stride[a] == 0 && x->shape[a] > 1)
            return ss_fail(c, SS_E_ARG, "x is written, but its axis %d repeats the same elements",
                           a + 1);
    for (int k = 1; k < c->nin; k++) {
        const ss_view *y = &c->in[k];
        bool fits = y->ndim <= x->ndim;
        for (int a = 0; fits && a < y->ndim; a++)
            fits = y->shape[a] == 1 || y->shape[a] == x->shape[a + x->ndim - y->ndim];
        if (!fits) return ss_fail(c, SS_E_SHAPE, "y does not broadcast to the shape of x");
    }
    return SS_OK;
}
