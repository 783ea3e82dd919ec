/* program.c — see program.h. Arrays are freed as soon as no later step reads them. */
#include "program.h"
#include "core.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes shared by the registers that view them; one thread owns them all. */
typedef struct block {
    int refs;
    void *data;
} block;

typedef struct reg {
    ss_view view;
    block *own; /* NULL: the caller's bytes */
    int last;   /* step that reads it last; nstep: a result */
} reg;

typedef struct machine {
    const ss_program *p;
    ss_cache *cache;
    const volatile int *cancel;
    ss_error *err;
    reg r[SS_REGISTERS];
    char msg[300];
    ss_env env;
} machine;

/* ---- bytes ------------------------------------------------------------------------------ */

static void *new_bytes(size_t bytes)
{
    return aligned_alloc(SS_ALIGN, (bytes + SS_ALIGN) / SS_ALIGN * SS_ALIGN);
}

static block *block_new(size_t bytes)
{
    block *b = malloc(sizeof *b);
    if (!b) return NULL;
    *b = (block){.refs = 1, .data = new_bytes(bytes)};
    if (b->data) return b;
    free(b);
    return NULL;
}

static void block_drop(block *b)
{
    if (!b || --b->refs > 0) return;
    free(b->data);
    free(b);
}

static size_t bytes_of(const ss_view *v)
{
    return (size_t)v->count * ss_dtype_bytes(v->dtype);
}

static ss_status no_memory(machine *m)
{
    return ss_error_set(m->err, SS_E_NOMEM, "loader: out of memory for a job");
}

/* ---- given registers ---------------------------------------------------------------------- */

static int find_part(const ss_part *part, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(part[i].name, name)) return i;
    return -1;
}

/* Parts of one entry share the block that is read once. */
static ss_status fetch(machine *m, int i)
{
    const ss_given *g = &m->p->given[i];
    ss_part part[SS_PARTS];
    void *bytes;
    int n;
    if (m->r[i].own) return SS_OK; /* came with an earlier register of the same entry */
    if (!m->cache)
        return ss_error_set(m->err, SS_E_STATE,
                            "loader: '%.200s' is to be fetched, but the loader has "
                            "no cache",
                            g->key);
    ss_status s = ss_cache_get(m->cache, g->key, &bytes, &n, part, m->err);
    if (s) return s;
    if (!bytes)
        return ss_error_set(m->err, SS_E_IO, "loader: the cache has no entry '%.200s'", g->key);
    block *b = malloc(sizeof *b);
    if (!b) {
        free(bytes);
        return no_memory(m);
    }
    *b = (block){.refs = 1, .data = bytes};
    for (int k = i; k < m->p->ngiven && !s; k++) {
        const ss_given *h = &m->p->given[k];
        if (!h->key || strcmp(h->key, g->key)) continue;
        int at = find_part(part, n, h->part);
        if (at < 0) {
            s = ss_error_set(m->err, SS_E_IO, "loader: entry '%.200s' has no array '%.40s'", h->key,
                             h->part);
        } else {
            m->r[k].view = part[at].view;
            m->r[k].own = b;
            b->refs++;
        }
    }
    block_drop(b);
    return s;
}

/* ---- one call -------------------------------------------------------------------------------- */

typedef struct call {
    ss_call c;
    ss_view in[SS_STEP_IN];
    ss_attr attr[SS_MAX_ATTR];
    block *packed[SS_STEP_IN], *scratch;
} call;

static ss_status fail(machine *m, const call *k, int step, ss_status s)
{
    char shapes[200] = "", d[96];
    size_t at = 0;
    for (int i = 0; i < k->c.nin && at < sizeof shapes; i++)
        if (k->in[i].present)
            at += (size_t)snprintf(shapes + at, sizeof shapes - at, "%s%s", at ? ", " : "",
                                   ss__describe(&k->in[i], d, sizeof d));
    return ss_error_set(m->err, s, "loader: step %d: %s: %s (%s)", step + 1, k->c.op->name, m->msg,
                        shapes);
}

static ss_status resolve(machine *m, call *k, const ss_step *st, int step)
{
    const int ndim = k->c.nin ? k->in[0].ndim : 0;
    for (int i = 0; i < st->op->nattr; i++) {
        const ss_param *p = &st->op->param[st->op->ntensor + i];
        ss_attr *a = &k->attr[i];
        *a = st->attr[i];
        bool ok = true;
        if (a->n == SS_ATTR_ABSENT)
            ok = ss_attr_default(p, ndim, a) == SS_OK;
        else if (p->kind == SS_KIND_DIM || p->kind == SS_KIND_DIMS)
            for (int j = 0; j < a->n && ok; j++) ok = ss_attr_dim(a->v[j], ndim, &a->v[j]);
        if (ok) continue;
        snprintf(m->msg, sizeof m->msg, "'%s' is missing or no axis of a tensor with %d axes",
                 p->name, ndim);
        return fail(m, k, step, SS_E_ARG);
    }
    return SS_OK;
}

static void finish_view(ss_view *v)
{
    ss__contiguous_strides(v);
    v->present = true;
}

/* Runs the prepared call: outputs beyond the first go to blocks that die with it. */
static ss_status compute(machine *m, call *k, int step, reg *to)
{
    ss_call *c = &k->c;
    block *out[SS_MAX_OUT] = {0};
    ss_status s = c->op->infer(c);
    if (s) return fail(m, k, step, s);
    if (c->op->flags & SS_OP_VIEW) {
        to->view = c->out[0];
        to->view.data =
            (char *)c->in[0].data + c->out_offset * (int64_t)ss_dtype_bytes(c->out[0].dtype);
        return SS_OK;
    }
    for (int i = 0; i < c->nout && !s; i++) {
        finish_view(&c->out[i]);
        if (!(out[i] = block_new(bytes_of(&c->out[i])))) s = no_memory(m);
        if (!s) c->out[i].data = out[i]->data;
    }
    if (!s && c->op->plan && (s = c->op->plan(c))) s = fail(m, k, step, s);
    if (!s && !(k->scratch = block_new(c->scratch_bytes))) s = no_memory(m);
    if (!s) {
        c->scratch = k->scratch->data;
        if ((s = c->op->cpu(c))) s = fail(m, k, step, s);
    }
    if (!s) {
        to->view = c->out[0];
        to->own = out[0];
        out[0] = NULL;
    }
    for (int i = 0; i < c->nout; i++) block_drop(out[i]);
    return s;
}

/* A contiguous copy of v through the op that the engine uses for it. */
static ss_status packed(machine *m, const ss_view *v, reg *to)
{
    const ss_opinfo *copy = ss_op_find("copy");
    call k = {0};
    if (!copy) return ss_error_set(m->err, SS_E_STATE, "loader: the op 'copy' is missing");
    k.in[0] = *v;
    k.c =
        (ss_call){.op = copy->op, .nin = 1, .nout = 1, .in = k.in, .attr = k.attr, .env = &m->env};
    ss_status s = compute(m, &k, 0, to);
    block_drop(k.scratch);
    return s;
}

static ss_status gather(machine *m, call *k, const ss_step *st)
{
    for (int i = 0; i < st->nin; i++) {
        if (st->in[i] < 0) continue; /* absent optional input */
        k->in[i] = m->r[st->in[i]].view;
        if (ss__is_contiguous(&k->in[i]) || (st->op->op->flags & SS_OP_STRIDED)) continue;
        reg to = {0};
        ss_status s = packed(m, &k->in[i], &to);
        if (s) return s;
        k->in[i] = to.view;
        k->packed[i] = to.own;
    }
    return SS_OK;
}

static ss_status run_step(machine *m, int i)
{
    const ss_step *st = &m->p->step[i];
    reg *to = &m->r[m->p->ngiven + i];
    call k = {0};
    k.c = (ss_call){.op = st->op->op,
                    .nin = st->nin,
                    .in = k.in,
                    .attr = k.attr,
                    .env = &m->env,
                    .nout = st->op->nout + st->op->op->hidden};
    ss_status s = gather(m, &k, st);
    if (!s) s = resolve(m, &k, st, i);
    if (!s) s = compute(m, &k, i, to);
    if (!s && !to->own && (st->op->op->flags & SS_OP_VIEW)) { /* shares its input's bytes */
        to->own = k.packed[0] ? k.packed[0] : m->r[st->in[0]].own;
        if (to->own) to->own->refs++;
    }
    for (int j = 0; j < SS_STEP_IN; j++) block_drop(k.packed[j]);
    block_drop(k.scratch);
    return s;
}

/* ---- the whole ----------------------------------------------------------------------------------
 */

static void release_after(machine *m, int step)
{
    for (int i = 0; i < m->p->ngiven + m->p->nstep; i++) {
        if (m->r[i].last > step || !m->r[i].own) continue;
        if (i > m->p->ngiven + step) continue; /* not made yet */
        block_drop(m->r[i].own);
        m->r[i].own = NULL;
    }
}

static ss_status deliver(machine *m, int i, ss_result *out)
{
    reg *r = &m->r[m->p->out[i]], to = {0};
    bool whole = r->own && r->own->refs == 1 && r->view.data == r->own->data;
    for (int k = i + 1; k < m->p->nout; k++) whole &= m->p->out[k] != m->p->out[i];
    if (whole && ss__is_contiguous(&r->view)) {
        *out = (ss_result){.view = r->view, .block = r->own->data};
        free(r->own);
        r->own = NULL;
        return SS_OK;
    }
    ss_status s = packed(m, &r->view, &to);
    if (s) return s;
    *out = (ss_result){.view = to.view, .block = to.own->data};
    free(to.own);
    return SS_OK;
}

static void set_lives(machine *m)
{
    const ss_program *p = m->p;
    for (int i = 0; i < p->ngiven + p->nstep; i++)
        m->r[i].last = i < p->ngiven ? -1 : i - p->ngiven;
    for (int i = 0; i < p->nstep; i++)
        for (int k = 0; k < p->step[i].nin; k++)
            if (p->step[i].in[k] >= 0) m->r[p->step[i].in[k]].last = i;
    for (int i = 0; i < p->nout; i++) m->r[p->out[i]].last = p->nstep;
}

static void *no_pack(ss_env *env, const ss_view *of, uint64_t key, size_t bytes, bool *fresh)
{
    (void)env, (void)of, (void)key, (void)bytes;
    *fresh = false;
    return NULL;
}

ss_status ss_program_run(const ss_program *p, ss_cache *cache, const volatile int *cancel,
                         ss_result *result, ss_error *err)
{
    machine m = {.p = p, .cache = cache, .cancel = cancel, .err = err};
    ss_status s = SS_OK;
    m.env = (ss_env){.msg = m.msg, .msg_bytes = sizeof m.msg, .cancel = cancel, .pack = no_pack};
    memset(result, 0, sizeof *result * (size_t)p->nout);
    set_lives(&m);
    for (int i = 0; i < p->ngiven && !s; i++) {
        if (p->given[i].key)
            s = fetch(&m, i);
        else
            m.r[i].view = p->given[i].view;
    }
    for (int i = 0; i < p->nstep && !s; i++) {
        if (cancel && *cancel)
            s = ss_error_set(err, SS_E_CANCEL, "loader: interrupted");
        else
            s = run_step(&m, i);
        if (!s) release_after(&m, i);
    }
    for (int i = 0; i < p->nout && !s; i++) s = deliver(&m, i, &result[i]);
    for (int i = 0; i < p->ngiven + p->nstep; i++) block_drop(m.r[i].own);
    for (int i = 0; i < p->nout && s; i++) {
        free(result[i].block);
        result[i] = (ss_result){0};
    }
    return s;
}
