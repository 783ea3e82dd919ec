/* call.c — one operation: check, infer, allocate, run, record. */
#include "core.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_IN = 64, MAX_WISHES = 4 };

/* A packed copy that an op asked for while it planned. */
typedef struct wish {
    const ss_view *of;
    uint64_t key;
    size_t bytes;
} wish;

/* Everything one ss_run needs, so that failures release it in one place. */
typedef struct frame {
    ss_ctx *ctx;
    const ss_opinfo *info;
    ss_device *dev;
    ss_tensor *const *in;
    ss_call c;
    ss_env env;
    ss_view view[MAX_IN];
    ss_tensor *packed[MAX_IN]; /* contiguous or moved copies; NULL: the input itself */
    ss_attr attr[SS_MAX_ATTR];
    ss_tensor *out[SS_MAX_OUT];
    wish wish[MAX_WISHES];
    ss_storage *filled[MAX_WISHES]; /* whose packed copies this call makes */
    int wishes, nfilled;
    char msg[400];
} frame;

/* ---- messages ----------------------------------------------------------------- */

static ss_status fail(frame *f, ss_status s)
{
    char shapes[300] = "";
    size_t at = 0;
    for (int i = 0; i < f->c.nin && at < sizeof shapes; i++) {
        int k = i < f->info->ntensor ? i : f->info->ntensor - 1;
        char d[96];
        if (!f->view[i].present) continue;
        at += (size_t)snprintf(shapes + at, sizeof shapes - at, "%s%s %s", at ? ", " : "",
                               f->info->param[k].name, ss__describe(&f->view[i], d, sizeof d));
    }
    return ss_ctx_fail(f->ctx, s, "%s: %s%s%s%s", f->info->name, f->msg, at ? " (" : "", shapes,
                       at ? ")" : "");
}

/* ---- packed weights --------------------------------------------------------------- */

static void *pack(ss_env *env, const ss_view *of, uint64_t key, size_t bytes, bool *fresh)
{
    frame *f = env->owner;
    int i = (int)(of - f->view);
    *fresh = false;
    if (i < 0 || i >= f->c.nin || f->packed[i] || !of->constant) return NULL;
    ss_storage *st = f->in[i]->st;
    key = key * 0x9E3779B97F4A7C15u ^ (uint64_t)((char *)of->data - (char *)st->data);
    for (ss_pack **at = &st->packs; *at; at = &(*at)->next) {
        ss_pack *p = *at;
        if (p->key != key) continue;
        if (p->version == st->version && p->bytes == bytes) return p->data;
        *at = p->next; /* the contents have changed since */
        ss__free(st->dev, p->data, p->bytes);
        free(p);
        break;
    }
    ss_pack *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    if (ss__alloc(st->dev, bytes, &p->data)) {
        free(p);
        return NULL;
    }
    p->key = key;
    p->version = st->version;
    p->bytes = bytes;
    p->next = st->packs;
    st->packs = p;
    if (f->nfilled < MAX_WISHES) f->filled[f->nfilled++] = st;
    *fresh = true;
    return p->data;
}

/* While planning there is nothing to fill a buffer with yet, so none is made. A device that only
 * counts bytes makes it when others do: once there is scratch. */
static void *pack_planned(ss_env *env, const ss_view *of, uint64_t key, size_t bytes, bool *fresh)
{
    frame *f = env->owner;
    *fresh = false;
    if (!f->dev->computes && f->wishes < MAX_WISHES)
        f->wish[f->wishes++] = (wish){.of = of, .key = key, .bytes = bytes};
    return NULL;
}

static void grant_wishes(frame *f)
{
    bool fresh;
    for (int i = 0; i < f->wishes; i++)
        pack(&f->env, f->wish[i].of, f->wish[i].key, f->wish[i].bytes, &fresh);
}

/* ---- inputs --------------------------------------------------------------------------- */

static bool class_fits(ss_class cls, ss_dtype t)
{
    switch (cls) {
    case SS_CLASS_ANY:
        return true;
    case SS_CLASS_FLOAT:
        return ss_is_float(t);
    case SS_CLASS_F32:
        return t == SS_F32;
    case SS_CLASS_INT:
        return !ss_is_float(t);
    case SS_CLASS_INDEX:
        return t == SS_I32 || t == SS_I64;
    case SS_CLASS_NUM:
        return t != SS_BOOL;
    }
    return false;
}

static const char *class_words(ss_class cls)
{
    static const char *const words[] = {"any tensor", "f32, f16 or bf16",
                                        "f32",        "u8, i32, i64 or bool",
                                        "i32 or i64", "a number type"};
    return words[cls];
}

static ss_status check_input(frame *f, int i, ss_tensor *x)
{
    const ss_opinfo *o = f->info;
    const ss_param *p = &o->param[i < o->ntensor ? i : o->ntensor - 1];
    if (!x) {
        if (p->optional && !p->variadic) return SS_OK;
        return ss_ctx_fail(f->ctx, SS_E_ARG, "%s: argument '%s' is missing (%s)", o->name, p->name,
                           o->sig);
    }
    f->view[i] = x->v;
    f->view[i].version = x->st->version;
    if (class_fits(p->cls, x->v.dtype)) return SS_OK;
    snprintf(f->msg, sizeof f->msg, "'%s' expects %s, got %s", p->name, class_words(p->cls),
             ss_dtype_name(x->v.dtype));
    return fail(f, SS_E_DTYPE);
}

/* copy_ is how values get from one device to another. */
static bool moves_inputs(const ss_op *op)
{
    return (op->flags & SS_OP_INPLACE) && strcmp(op->name, "copy_") == 0;
}

/* All inputs live on one device, that of the first with axes; scalars follow. */
static ss_status find_device(frame *f, int nin, ss_tensor *const *in, const char *device)
{
    const bool moves = moves_inputs(f->info->op);
    for (int i = 0; i < nin && !f->dev; i++)
        if (in[i] && (in[i]->v.ndim > 0 || moves)) f->dev = in[i]->st->dev;
    for (int i = 0; i < nin && !f->dev; i++)
        if (in[i]) f->dev = in[i]->st->dev;
    if (!f->dev) f->dev = ss__device(f->ctx, device);
    if (!f->dev) return SS_E_DEVICE;
    for (int i = 0; i < nin; i++) {
        if (!in[i] || in[i]->st->dev == f->dev) continue;
        if (in[i]->v.ndim == 0 || moves) {
            ss_status s = ss_tensor_to(in[i], f->dev->name, &f->packed[i]);
            if (s) return s;
            const uint32_t version = f->view[i].version;
            f->view[i] = f->packed[i]->v;
            f->view[i].version = version;
            continue;
        }
        snprintf(f->msg, sizeof f->msg, "inputs are on %s and on %s", f->dev->name,
                 in[i]->st->dev->name);
        return fail(f, SS_E_DEVICE);
    }
    return SS_OK;
}

/* Strided inputs are packed for ops that want them contiguous. */
static ss_status pack_inputs(frame *f, int nin, ss_tensor *const *in)
{
    static const ss_opinfo *copy;
    if (f->info->op->flags & SS_OP_STRIDED) return SS_OK;
    for (int i = 0; i < nin; i++) {
        if (!in[i] || f->packed[i] || ss__is_contiguous(&in[i]->v)) continue;
        if (i == 0 && f->info->inplace) {
            snprintf(f->msg, sizeof f->msg, "the tensor written must be contiguous");
            return fail(f, SS_E_ARG);
        }
        if (!copy && !(copy = ss_op_find("copy")))
            return ss_ctx_fail(f->ctx, SS_E_STATE, "%s: the op 'copy' is missing", f->info->name);
        ss_no_grad(f->ctx, true);
        ss_status s = ss_run(f->ctx, copy, 1, &in[i], 0, NULL, NULL, 1, &f->packed[i]);
        ss_no_grad(f->ctx, false);
        if (s) return s;
        f->view[i] = f->packed[i]->v;
    }
    return SS_OK;
}

static ss_status fill_attrs(frame *f, int nattr, const ss_attr *attr)
{
    const ss_opinfo *o = f->info;
    if (o->nattr > SS_MAX_ATTR || nattr > o->nattr)
        return ss_ctx_fail(f->ctx, SS_E_ARG, "%s: %d attributes given, %d expected", o->name, nattr,
                           o->nattr);
    if (nattr) memcpy(f->attr, attr, sizeof *attr * (size_t)nattr);
    for (int i = nattr; i < o->nattr; i++) {
        const ss_param *p = &o->param[o->ntensor + i];
        ss_status s = ss_attr_default(p, f->c.nin ? f->view[0].ndim : 0, &f->attr[i]);
        if (s)
            return ss_ctx_fail(f->ctx, s,
                               "%s: argument '%s' is missing or its default does not "
                               "fit (%s)",
                               o->name, p->name, o->sig);
    }
    return SS_OK;
}

/* ---- outputs ---------------------------------------------------------------------------- */

static ss_status make_outputs(frame *f, ss_tensor *const *in)
{
    const ss_op *op = f->info->op;
    ss_call *c = &f->c;
    if (op->flags & SS_OP_VIEW) {
        ss_tensor *base = f->packed[0] ? f->packed[0] : in[0];
        ss_view v = c->out[0];
        v.constant = base->v.constant;
        v.data = base->v.data
                     ? (char *)base->v.data + c->out_offset * (int64_t)ss_dtype_bytes(v.dtype)
                     : NULL;
        return ss__tensor_make(f->ctx, base->st, &v, &f->out[0]);
    }
    for (int k = 0; k < c->nout; k++) {
        ss_status s = ss__new_on(f->dev, &c->out[k], &f->out[k]);
        if (s) return s;
        c->out[k] = f->out[k]->v;
    }
    return SS_OK;
}

static ss_status execute(frame *f)
{
    ss_call *c = &f->c;
    const ss_op *op = f->info->op;
    if (op->flags & SS_OP_VIEW) return SS_OK;
    ss_status s = SS_OK;
    ss_status (*plan)(ss_call *) = f->dev->as_cuda ? op->plan_cuda : op->plan;
    const ss_twin *twin = f->dev->gpu ? ss__twin(f->info) : NULL;
    if (f->dev->gpu && !twin) {
        snprintf(f->msg, sizeof f->msg,
                 "has no CUDA code in this build; move its inputs to the cpu");
        return fail(f, SS_E_DEVICE);
    }
    f->env.pack = pack_planned;
    if (plan && (s = plan(c))) return fail(f, s);
    f->env.pack = pack;
    void *scratch = NULL;
    if (c->scratch_bytes && (s = ss__alloc(f->dev, c->scratch_bytes, &scratch))) return s;
    static char nothing[SS_ALIGN]; /* memset and memcpy want a pointer even for 0 bytes */
    c->scratch = scratch ? scratch : nothing;
    const double work = op->flops ? op->flops(c) : 0, begun = f->ctx->profile ? ss__now() : 0;
    double asked = 0;
    f->ctx->flops += work;
    if (twin) {
        s = ss__run_twin(twin, f->dev, c);
        if (f->ctx->profile) asked = ss__now() - begun;
        if (!s && f->ctx->profile) s = ss_wait(f->ctx, f->dev->name);
    } else if (f->dev->computes)
        s = op->cpu(c);
    else
        grant_wishes(f);
    if (f->ctx->profile) ss__profile_add(f->dev, f->info, c, ss__now() - begun, asked, work);
    ss__free(f->dev, scratch, c->scratch_bytes);
    return s ? fail(f, s) : SS_OK;
}

static ss_status check_inplace(frame *f, ss_tensor *x)
{
    if (!f->info->inplace) return SS_OK;
    if (ss__wants_grad(f->ctx, x))
        return ss_ctx_fail(f->ctx, SS_E_STATE,
                           "%s: writes a tensor that takes part in the gradient; use no_grad or "
                           "detach",
                           f->info->name);
    return SS_OK;
}

/* The first operation that makes a value that is not finite stops; see ss_ctx_check_finite(). */
static ss_status check_finite(frame *f)
{
    const bool inplace = f->info->inplace;
    if (f->c.nin == 0 || !f->dev->computes || (f->info->op->flags & SS_OP_VIEW)) return SS_OK;
    int64_t bad = inplace ? ss__not_finite(f->dev, &f->view[0]) : 0;
    for (int k = 0; k < f->c.nout; k++) bad += ss__not_finite(f->dev, &f->c.out[k]);
    if (!bad) return SS_OK;
    for (int i = inplace; i < f->c.nin; i++) {
        const int64_t before = f->view[i].present ? ss__not_finite(f->dev, &f->view[i]) : 0;
        if (!before) continue;
        snprintf(f->msg, sizeof f->msg, "'%s' holds %lld values that are not finite already",
                 f->info->param[i < f->info->ntensor ? i : f->info->ntensor - 1].name,
                 (long long)before);
        return fail(f, SS_E_STATE);
    }
    snprintf(f->msg, sizeof f->msg, "makes %lld values that are not finite from finite inputs",
             (long long)bad);
    return fail(f, SS_E_STATE);
}

static void frame_clear(frame *f, int nin)
{
    for (int i = 0; i < f->nfilled; i++) ss__storage_rest(f->filled[i]);
    for (int i = 0; i < nin; i++) ss_tensor_release(f->packed[i]);
    for (int k = 0; k < SS_MAX_OUT; k++) ss_tensor_release(f->out[k]);
}

static ss_status run(frame *f, int nin, ss_tensor *const *in, int nattr, const ss_attr *attr,
                     const char *device, int nout, ss_tensor **out)
{
    const ss_op *op = f->info->op;
    ss_status s;
    for (int i = 0; i < nin; i++)
        if ((s = check_input(f, i, in[i]))) return s;
    if ((s = find_device(f, nin, in, device)) || (s = check_inplace(f, nin ? in[0] : NULL)) ||
        (s = fill_attrs(f, nattr, attr)) || (s = pack_inputs(f, nin, in)))
        return s;
    if (f->ctx->cancel) return ss_ctx_fail(f->ctx, SS_E_CANCEL, "%s: interrupted", f->info->name);
    if ((s = op->infer(&f->c))) return fail(f, s);
    if ((s = make_outputs(f, in)) || (s = execute(f))) return s;
    if (f->ctx->check_finite && (s = check_finite(f))) return s;
    if (f->info->inplace) in[0]->st->version++;
    if (f->ctx->no_grad == 0 && f->info->differentiable) {
        bool want = false;
        for (int i = 0; i < nin && !want; i++)
            want = in[i] && ss_is_float(in[i]->v.dtype) && ss__wants_grad(f->ctx, in[i]);
        if (want &&
            (s = ss__record(f->ctx, f->info, nin, in, f->info->nattr, f->attr, f->c.nout, f->out)))
            return s;
    }
    for (int k = 0; k < nout && k < f->c.nout; k++) {
        out[k] = f->out[k];
        f->out[k] = NULL;
    }
    return SS_OK;
}

ss_status ss_run(ss_ctx *ctx, const ss_opinfo *op, int nin, ss_tensor *const *in, int nattr,
                 const ss_attr *attr, const char *device, int nout, ss_tensor **out)
{
    for (int k = 0; k < nout; k++) out[k] = NULL;
    if (nin > MAX_IN)
        return ss_ctx_fail(ctx, SS_E_ARG, "%s: %d tensors given, at most %d", op->name, nin,
                           MAX_IN);
    ss_tensor *padded[MAX_IN] = {0}; /* trailing optional tensors may be left out */
    if (nin) memcpy(padded, in, sizeof *in * (size_t)nin);
    if (nin < op->ntensor) nin = op->ntensor;
    frame f = {.ctx = ctx, .info = op, .in = padded};
    f.env = (ss_env){
        .msg = f.msg, .msg_bytes = sizeof f.msg, .cancel = &ctx->cancel, .pack = pack, .owner = &f};
    f.c = (ss_call){.op = op->op,
                    .nin = nin,
                    .in = f.view,
                    .attr = f.attr,
                    .env = &f.env,
                    .nout = op->inplace ? 0 : op->nout + op->op->hidden};
    ss_status s = run(&f, nin, padded, nattr, attr, device, nout, out);
    frame_clear(&f, nin);
    return s;
}
