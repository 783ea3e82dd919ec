/* tape.c — recorded calls and the backward pass. Nodes are numbered as they are made, so going
 * through them from the highest number down visits every call before the calls it depends on. */
#include "core.h"
#include <stdlib.h>
#include <string.h>

typedef struct edge {
    ss_node *node;   /* the call that made the input, or */
    ss_tensor *leaf; /* the leaf itself; both NULL: no gradient wanted */
    int out;
} edge;

struct ss_node {
    int refs;
    uint64_t seq;
    const ss_opinfo *op; /* NULL: custom */
    ss_custom custom;
    int nin, nout, nattr;
    bool used; /* its saved tensors are gone */
    uint64_t mark;
    edge *edge;
    ss_tensor **saved; /* nin inputs, then nout outputs; NULL where not saved */
    uint32_t *version;
    ss_view *view; /* nin + nout */
    ss_attr *attr;
    ss_tensor *dy[SS_MAX_OUT]; /* while backward runs */
    ss_node *next;             /* work list of releases */
};

/* ---- life of a node ------------------------------------------------------------------ */

static void drop_saved(ss_node *n)
{
    for (int i = 0; n->saved && i < n->nin + n->nout; i++) {
        ss_tensor_release(n->saved[i]);
        n->saved[i] = NULL;
    }
    if (n->custom.free_ud) n->custom.free_ud(n->custom.ud);
    n->custom = (ss_custom){0};
    n->used = true;
}

/* Releasing a chain of calls must not recurse: a deep network would overflow the stack. */
void ss__node_release(ss_node *n)
{
    if (!n || --n->refs > 0) return;
    n->next = NULL;
    while (n) {
        ss_node *todo = n->next;
        drop_saved(n);
        for (int i = 0; n->edge && i < n->nin; i++) {
            ss_node *from = n->edge[i].node;
            if (from && --from->refs == 0) {
                from->next = todo;
                todo = from;
            }
            ss_tensor_release(n->edge[i].leaf);
        }
        for (int k = 0; k < SS_MAX_OUT; k++) ss_tensor_release(n->dy[k]);
        free(n->edge);
        free(n->saved);
        free(n->version);
        free(n->view);
        free(n->attr);
        free(n);
        n = todo;
    }
}

static ss_node *node_new(ss_ctx *ctx, int nin, int nout, int nattr)
{
    ss_node *n = calloc(1, sizeof *n);
    if (!n) return NULL;
    size_t total = (size_t)(nin + nout);
    n->refs = 1;
    n->nin = nin;
    n->nout = nout;
    n->nattr = nattr;
    n->edge = calloc((size_t)nin + 1, sizeof *n->edge);
    n->saved = calloc(total + 1, sizeof *n->saved);
    n->version = calloc(total + 1, sizeof *n->version);
    n->view = calloc(total + 1, sizeof *n->view);
    n->attr = calloc((size_t)nattr + 1, sizeof *n->attr);
    if (!n->edge || !n->saved || !n->version || !n->view || !n->attr) {
        ss__node_release(n);
        return NULL;
    }
    n->seq = ctx->next_seq++;
    return n;
}

static void connect(ss_node *n, int nin, ss_tensor *const *in)
{
    for (int i = 0; i < nin; i++) {
        ss_tensor *x = in[i];
        if (!x || !ss_is_float(x->v.dtype)) continue;
        if (x->node) {
            n->edge[i] = (edge){.node = x->node, .out = x->out_index};
            x->node->refs++;
        } else if (x->requires_grad) {
            n->edge[i].leaf = ss_tensor_retain(x);
        }
    }
}

static ss_status save(ss_node *n, int slot, ss_tensor *x)
{
    ss_status s = ss__alias(x, &n->saved[slot]);
    if (s == SS_OK) n->version[slot] = x->st->version;
    return s;
}

static void attach(ss_node *n, int nout, ss_tensor *const *out)
{
    for (int k = 0; k < nout; k++) {
        if (!ss_is_float(out[k]->v.dtype)) continue;
        out[k]->node = n;
        out[k]->out_index = k;
        n->refs++;
    }
}

ss_status ss__record(ss_ctx *ctx, const ss_opinfo *op, int nin, ss_tensor *const *in, int nattr,
                     const ss_attr *attr, int nout, ss_tensor *const *out)
{
    ss_node *n = node_new(ctx, nin, nout, nattr);
    if (!n) return ss_ctx_fail(ctx, SS_E_NOMEM, "%s: out of memory for the tape", op->name);
    n->op = op;
    if (nattr) memcpy(n->attr, attr, sizeof *attr * (size_t)nattr);
    ss_status s = SS_OK;
    for (int i = 0; i < nin && s == SS_OK; i++) {
        if (!in[i]) continue;
        n->view[i] = in[i]->v;
        n->view[i].data = NULL;
        if (i < 16 && (op->op->saves & SS_SAVE_IN(i)))
            s = save(n, i, in[i]);
        else if (op->param[i < op->ntensor ? i : op->ntensor - 1].variadic && op->op->saves & 1u)
            s = save(n, i, in[i]);
    }
    for (int k = 0; k < nout && s == SS_OK; k++) {
        n->view[nin + k] = out[k]->v;
        n->view[nin + k].data = NULL;
        if (op->op->saves & SS_SAVE_OUT(k)) s = save(n, nin + k, out[k]);
    }
    if (s == SS_OK) {
        connect(n, nin, in);
        attach(n, nout, out);
    }
    ss__node_release(n);
    return s;
}

ss_status ss_record_custom(ss_ctx *ctx, int nin, ss_tensor *const *in, int nout,
                           ss_tensor *const *out, const ss_custom *c)
{
    if (nout > SS_MAX_OUT)
        return ss_ctx_fail(ctx, SS_E_ARG, "custom: %d results, at most %d", nout, SS_MAX_OUT);
    ss_node *n = node_new(ctx, nin, nout, 0);
    if (!n) return ss_ctx_fail(ctx, SS_E_NOMEM, "custom: out of memory for the tape");
    n->custom = *c;
    for (int i = 0; i < nin; i++)
        if (in[i]) n->view[i] = in[i]->v;
    for (int k = 0; k < nout; k++) n->view[nin + k] = out[k]->v;
    connect(n, nin, in);
    attach(n, nout, out);
    ss__node_release(n);
    return SS_OK;
}

/* ---- adding gradients ------------------------------------------------------------------- */

static ss_status run1(ss_ctx *ctx, const char *op, int nin, ss_tensor *const *in, int nattr,
                      const ss_attr *attr, ss_tensor **out)
{
    const ss_opinfo *info = ss_op_find(op);
    if (!info) return ss_ctx_fail(ctx, SS_E_STATE, "backward: the op '%s' is missing", op);
    return ss_run(ctx, info, nin, in, nattr, attr, NULL, out ? 1 : 0, out);
}

/* *sum += dx; takes over the reference to dx. */
static ss_status accumulate(ss_ctx *ctx, ss_tensor **sum, ss_tensor *dx)
{
    if (!*sum) {
        *sum = dx;
        return SS_OK;
    }
    ss_tensor *both[] = {*sum, dx};
    ss_status s;
    if ((*sum)->refs == 1 && (*sum)->st->refs == 1 && ss__is_contiguous(&(*sum)->v)) {
        s = run1(ctx, "add_", 2, both, 0, NULL, NULL);
    } else {
        ss_tensor *t;
        s = run1(ctx, "add", 2, both, 0, NULL, &t);
        if (s == SS_OK) {
            ss_tensor_release(*sum);
            *sum = t;
        }
    }
    ss_tensor_release(dx);
    return s;
}

/* dx in the shape and element type of the input it belongs to; takes over dx. */
static ss_status conform(ss_ctx *ctx, const ss_view *want, ss_tensor **dx)
{
    ss_status s = SS_OK;
    ss_tensor *t;
    if (!ss__same_shape(&(*dx)->v, want)) {
        ss_attr shape = ss_ints(want->ndim, want->shape);
        s = run1(ctx, "_sum_to", 1, dx, 1, &shape, &t);
        ss_tensor_release(*dx);
        *dx = s ? NULL : t;
    }
    if (s == SS_OK && (*dx)->v.dtype != want->dtype) {
        ss_attr type = ss_int(want->dtype);
        s = run1(ctx, "cast", 1, dx, 1, &type, &t);
        ss_tensor_release(*dx);
        *dx = s ? NULL : t;
    }
    return s;
}

static ss_status deliver(ss_ctx *ctx, const edge *e, const ss_view *want, ss_tensor *dx)
{
    if (!dx) return SS_OK;
    if (!e->node && !e->leaf) {
        ss_tensor_release(dx);
        return SS_OK;
    }
    ss_status s = conform(ctx, want, &dx);
    if (s) return s;
    return accumulate(ctx, e->node ? &e->node->dy[e->out] : &e->leaf->grad, dx);
}

/* ---- one node's backward -------------------------------------------------------------------- */

enum { MAX_TEMP = 64 };

typedef struct engine {
    ss_ctx *ctx;
    ss_tensor *temp[MAX_TEMP];
    int ntemp;
    ss_tensor **dx;
} engine;

static bool grad_call(ss_grad *g, const char *op, int nin, ss_tensor *const *in, int nattr,
                      const ss_attr *attr, ss_tensor **outs)
{
    engine *e = g->engine;
    if (g->status) return false;
    const ss_opinfo *info = ss_op_find(op);
    if (!info) {
        g->status = ss_ctx_fail(e->ctx, SS_E_STATE,
                                "%s: gradient needs the op '%s', which is "
                                "missing",
                                g->op->name, op);
        return false;
    }
    int nout = info->inplace ? 0 : info->nout + info->op->hidden;
    ss_tensor *out[SS_MAX_OUT] = {0};
    g->status = ss_run(e->ctx, info, nin, in, nattr, attr, NULL, nout, out);
    for (int k = 0; k < nout; k++) { /* the caller has room for the op's outputs, no more */
        outs[k] = out[k];
        if (!out[k]) continue;
        if (e->ntemp == MAX_TEMP) {
            ss_tensor_release(out[k]);
            outs[k] = NULL;
            g->status = ss_ctx_fail(e->ctx, SS_E_STATE, "%s: gradient uses more than %d results",
                                    g->op->name, MAX_TEMP);
        } else {
            e->temp[e->ntemp++] = out[k];
        }
    }
    return g->status == SS_OK;
}

static void grad_set(ss_grad *g, int i, ss_tensor *dx)
{
    engine *e = g->engine;
    ss_tensor_release(e->dx[i]);
    e->dx[i] = ss_tensor_retain(dx);
}

static ss_status check_versions(ss_ctx *ctx, const ss_node *n)
{
    for (int i = 0; i < n->nin + n->nout; i++) {
        if (!n->saved[i] || n->saved[i]->st->version == n->version[i]) continue;
        return ss_ctx_fail(ctx, SS_E_STATE,
                           "%s: a tensor needed by the gradient was written in place after the "
                           "call",
                           n->op->name);
    }
    return SS_OK;
}

static ss_status op_backward(ss_ctx *ctx, ss_node *n, ss_tensor **dx)
{
    bool need[64];
    engine e = {.ctx = ctx, .dx = dx};
    for (int i = 0; i < n->nin; i++) need[i] = n->edge[i].node || n->edge[i].leaf;
    ss_grad g = {.op = n->op->op,
                 .nin = n->nin,
                 .nout = n->nout,
                 .nattr = n->nattr,
                 .in = n->saved,
                 .out = n->saved + n->nin,
                 .dy = n->dy,
                 .in_view = n->view,
                 .out_view = n->view + n->nin,
                 .attr = n->attr,
                 .need = need,
                 .call = grad_call,
                 .set = grad_set,
                 .engine = &e};
    ss_status s = check_versions(ctx, n);
    if (s == SS_OK) {
        n->op->op->grad(&g);
        s = g.status;
    }
    for (int i = 0; i < e.ntemp; i++) ss_tensor_release(e.temp[i]);
    return s;
}

static ss_status node_backward(ss_ctx *ctx, ss_node *n)
{
    ss_tensor *dx[64] = {0};
    ss_status s;
    if (n->used)
        return ss_ctx_fail(ctx, SS_E_STATE,
                           "backward: %s was gone through already; its saved "
                           "tensors are gone (run the forward again)",
                           n->op ? n->op->name : "a checkpoint");
    if (ctx->cancel) return ss_ctx_fail(ctx, SS_E_CANCEL, "backward: interrupted");
    if (n->op)
        s = op_backward(ctx, n, dx);
    else
        s = n->custom.backward(n->custom.ud, n->nout, n->dy, n->nin, dx);
    drop_saved(n); /* activations go as soon as they have served */
    for (int k = 0; k < n->nout; k++) {
        ss_tensor_release(n->dy[k]);
        n->dy[k] = NULL;
    }
    for (int i = 0; i < n->nin; i++) {
        if (s == SS_OK)
            s = deliver(ctx, &n->edge[i], &n->view[i], dx[i]);
        else
            ss_tensor_release(dx[i]);
    }
    return s;
}

/* ---- the pass ----------------------------------------------------------------------------------
 */

typedef struct list {
    ss_node **at;
    size_t n, cap;
} list;

static bool push(list *l, ss_node *n)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 256;
        ss_node **at = realloc(l->at, cap * sizeof *at);
        if (!at) return false;
        l->at = at;
        l->cap = cap;
    }
    l->at[l->n++] = n;
    return true;
}

static int later_first(const void *a, const void *b)
{
    uint64_t x = (*(ss_node *const *)a)->seq, y = (*(ss_node *const *)b)->seq;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* All nodes the roots depend on; each gains a reference. */
static ss_status collect(ss_ctx *ctx, int nroot, ss_tensor *const *roots, list *l)
{
    uint64_t mark = ctx->next_seq++;
    bool ok = true;
    for (int i = 0; i < nroot && ok; i++)
        if (roots[i]->node && roots[i]->node->mark != mark) {
            roots[i]->node->mark = mark;
            ok = push(l, roots[i]->node);
            if (ok) roots[i]->node->refs++;
        }
    for (size_t k = 0; k < l->n && ok; k++)
        for (int i = 0; i < l->at[k]->nin && ok; i++) {
            ss_node *from = l->at[k]->edge[i].node;
            if (!from || from->mark == mark) continue;
            from->mark = mark;
            ok = push(l, from);
            if (ok) from->refs++;
        }
    if (!ok) return ss_ctx_fail(ctx, SS_E_NOMEM, "backward: out of memory for the node list");
    if (l->n) qsort(l->at, l->n, sizeof *l->at, later_first);
    return SS_OK;
}

static ss_status seed_one(ss_ctx *ctx, ss_tensor *root, ss_tensor *seed)
{
    ss_tensor *dy;
    if (seed) {
        if (!ss__same_shape(&seed->v, &root->v)) {
            char a[96], b[96];
            return ss_ctx_fail(ctx, SS_E_SHAPE, "backward: seed %s does not have the shape of %s",
                               ss__describe(&seed->v, a, sizeof a),
                               ss__describe(&root->v, b, sizeof b));
        }
        dy = ss_tensor_retain(seed);
    } else {
        char d[96];
        if (root->v.count != 1)
            return ss_ctx_fail(ctx, SS_E_SHAPE, "backward: expected a scalar (or a seed), got %s",
                               ss__describe(&root->v, d, sizeof d));
        ss_status s = ss__new_on(root->st->dev, &root->v, &dy);
        if (s) return s;
        ss_attr one = ss_num(1);
        s = run1(ctx, "fill_", 1, &dy, 1, &one, NULL);
        if (s) {
            ss_tensor_release(dy);
            return s;
        }
    }
    edge e = {.node = root->node, .out = root->out_index, .leaf = root->node ? NULL : root};
    return deliver(ctx, &e, &root->v, dy);
}

ss_status ss_backward(ss_ctx *ctx, int n, ss_tensor *const *roots, ss_tensor *const *seeds)
{
    list l = {0};
    ss_status s = SS_OK;
    for (int i = 0; i < n; i++)
        if (!roots[i]->node && !roots[i]->requires_grad)
            return ss_ctx_fail(ctx, SS_E_STATE,
                               "backward: the tensor depends on nothing that "
                               "wants a gradient");
    ss_no_grad(ctx, true);
    s = collect(ctx, n, roots, &l);
    for (int i = 0; i < n && s == SS_OK; i++) s = seed_one(ctx, roots[i], seeds ? seeds[i] : NULL);
    for (size_t k = 0; k < l.n; k++) {
        ss_node *node = l.at[k];
        bool any = false;
        for (int j = 0; j < node->nout; j++) any |= node->dy[j] != NULL;
        if (s == SS_OK && any) s = node_backward(ctx, node);
        for (int j = 0; j < SS_MAX_OUT; j++) { /* left over after a failure */
            ss_tensor_release(node->dy[j]);
            node->dy[j] = NULL;
        }
        ss__node_release(node);
    }
    free(l.at);
    ss_no_grad(ctx, false);
    return s;
}

void ss_no_grad(ss_ctx *ctx, bool enter)
{
    ctx->no_grad += enter ? 1 : -1;
}

bool ss_grad_enabled(const ss_ctx *ctx)
{
    return ctx->no_grad == 0;
}
