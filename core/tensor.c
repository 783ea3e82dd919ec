/* tensor.c — refcounted bytes and the strided tensors over them. */
#include "core.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- geometry --------------------------------------------------------------- */

void ss__contiguous_strides(ss_view *v)
{
    int64_t s = 1;
    for (int i = v->ndim - 1; i >= 0; i--) {
        v->stride[i] = s;
        s *= v->shape[i] > 0 ? v->shape[i] : 1;
    }
}

bool ss__is_contiguous(const ss_view *v)
{
    int64_t s = 1;
    if (v->count == 0) return true;
    for (int i = v->ndim - 1; i >= 0; i--) {
        if (v->shape[i] == 1) continue;
        if (v->stride[i] != s) return false;
        s *= v->shape[i];
    }
    return true;
}

bool ss__same_shape(const ss_view *a, const ss_view *b)
{
    return a->ndim == b->ndim && memcmp(a->shape, b->shape, sizeof(int64_t) * (size_t)a->ndim) == 0;
}

const char *ss__describe(const ss_view *v, char *buf, size_t n)
{
    size_t at = (size_t)snprintf(buf, n, "%s[", ss_dtype_name(v->dtype));
    for (int i = 0; i < v->ndim && at < n; i++)
        at += (size_t)snprintf(buf + at, n - at, "%s%lld", i ? "," : "", (long long)v->shape[i]);
    if (at < n) snprintf(buf + at, n - at, "]");
    return buf;
}

/* ---- storage ---------------------------------------------------------------- */

ss_status ss__storage_new(ss_device *d, size_t bytes, ss_storage **out)
{
    *out = NULL;
    ss_storage *st = calloc(1, sizeof *st);
    if (!st) return ss_ctx_fail(d->ctx, SS_E_NOMEM, "out of memory for a storage header");
    ss_status s = ss__alloc(d, bytes, &st->data);
    if (s) {
        free(st);
        return s;
    }
    st->refs = 1;
    st->bytes = bytes;
    st->dev = d;
    st->id = d->ctx->next_id++;
    d->ctx->refs++;
    d->ctx->bytes += (int64_t)bytes;
    *out = st;
    return SS_OK;
}

void ss__storage_release(ss_storage *st)
{
    if (!st || --st->refs > 0) return;
    ss_ctx *ctx = st->dev->ctx;
    while (st->packs) {
        ss_pack *p = st->packs;
        st->packs = p->next;
        ss__free(st->dev, p->data, p->bytes);
        free(p);
    }
    if (st->release)
        st->release(st->owner);
    else
        ss__free(st->dev, st->data, st->bytes);
    ctx->bytes -= (int64_t)st->bytes;
    free(st);
    ss__ctx_unref(ctx);
}

void ss__storage_rest(ss_storage *st)
{
    if (!st->window || st->version) return;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t from = ((uintptr_t)st->data + page - 1) / page * page;
    const uintptr_t to = ((uintptr_t)st->data + st->bytes) / page * page;
    if (from < to) madvise((void *)from, to - from, MADV_DONTNEED);
}

/* ---- tensors ---------------------------------------------------------------- */

ss_status ss__tensor_make(ss_ctx *ctx, ss_storage *st, const ss_view *v, ss_tensor **out)
{
    *out = NULL;
    ss_tensor *x = calloc(1, sizeof *x);
    if (!x) return ss_ctx_fail(ctx, SS_E_NOMEM, "out of memory for a tensor header");
    x->refs = 1;
    x->st = st;
    st->refs++;
    x->v = *v;
    x->v.present = true;
    x->v.id = st->id;
    ctx->tensors++;
    *out = x;
    return SS_OK;
}

ss_status ss__new_on(ss_device *d, const ss_view *geometry, ss_tensor **out)
{
    *out = NULL;
    ss_view v = *geometry;
    v.constant = false;
    ss__contiguous_strides(&v);
    ss_storage *st;
    ss_status s = ss__storage_new(d, (size_t)v.count * ss_dtype_bytes(v.dtype), &st);
    if (s) return s;
    v.data = d->computes ? st->data : NULL;
    s = ss__tensor_make(d->ctx, st, &v, out);
    ss__storage_release(st);
    return s;
}

ss_status ss__tensor_foreign(ss_ctx *ctx, ss_dtype t, int64_t n, void *data,
                             void (*release)(void *owner), void *owner, ss_tensor **out)
{
    ss_device *d = ss__device(ctx, "cpu");
    ss_storage *st = calloc(1, sizeof *st);
    *out = NULL;
    if (!st) return ss_ctx_fail(ctx, SS_E_NOMEM, "out of memory for a storage header");
    st->refs = 1;
    st->bytes = (size_t)n * ss_dtype_bytes(t);
    st->data = data;
    st->dev = d;
    st->id = ctx->next_id++;
    ss_view v = {.data = data, .dtype = t, .ndim = 1, .shape = {n}, .stride = {1}, .count = n};
    ss_status s = ss__tensor_make(ctx, st, &v, out);
    if (s) {
        free(st);
        return s;
    }
    ctx->refs++;
    ctx->bytes += (int64_t)st->bytes;
    st->release = release;
    st->owner = owner;
    ss__storage_release(st); /* the tensor has its own reference */
    return SS_OK;
}

ss_status ss_tensor_new(ss_ctx *ctx, ss_dtype t, int ndim, const int64_t *shape, const char *device,
                        ss_tensor **out)
{
    *out = NULL;
    ss_device *d = ss__device(ctx, device);
    if (!d) return SS_E_DEVICE;
    char msg[160] = "";
    ss_env env = {.msg = msg, .msg_bytes = sizeof msg};
    ss_call c = {.env = &env};
    ss_status s = ss_out(&c, 0, t, ndim, shape);
    if (s) return ss_ctx_fail(ctx, s, "new tensor: %s", msg);
    return ss__new_on(d, &c.out[0], out);
}

ss_status ss_tensor_from(ss_ctx *ctx, ss_dtype t, int ndim, const int64_t *shape,
                         const char *device, const void *bytes, ss_tensor **out)
{
    ss_status s = ss_tensor_new(ctx, t, ndim, shape, device, out);
    if (s || !(*out)->st->dev->computes || (*out)->st->bytes == 0) return s;
    s = ss__to_device((*out)->st->dev, (*out)->v.data, bytes, (*out)->st->bytes);
    if (s) {
        ss_tensor_release(*out);
        *out = NULL;
    }
    return s;
}

ss_status ss__alias(ss_tensor *x, ss_tensor **out)
{
    return ss__tensor_make(x->st->dev->ctx, x->st, &x->v, out);
}

ss_status ss_tensor_detach(ss_tensor *x, ss_tensor **out)
{
    return ss__alias(x, out);
}

/* A contiguous tensor with x's values on x's own device. */
static ss_status packed(ss_tensor *x, ss_tensor **out)
{
    const ss_opinfo *copy = ss_op_find("copy");
    ss_ctx *ctx = x->st->dev->ctx;
    if (ss__is_contiguous(&x->v)) {
        *out = ss_tensor_retain(x);
        return SS_OK;
    }
    if (!copy) return ss_ctx_fail(ctx, SS_E_STATE, "to: the op 'copy' is missing");
    ss_no_grad(ctx, true);
    ss_status s = ss_run(ctx, copy, 1, &x, 0, NULL, NULL, 1, out);
    ss_no_grad(ctx, false);
    return s;
}

/* Between computing devices, one of which is a GPU; from GPU to GPU by way of the host. */
static ss_status move(ss_tensor *x, ss_device *d, ss_tensor **out)
{
    ss_tensor *from;
    ss_status s = packed(x, &from);
    if (s) return s;
    ss_device *src = from->st->dev;
    const size_t n = ss_tensor_bytes(from);
    void *host = NULL;
    s = ss__new_on(d, &from->v, out);
    if (s == SS_OK && n && src->gpu && d->gpu) {
        host = malloc(n);
        s = host ? ss__to_host(src, host, from->v.data, n)
                 : ss_ctx_fail(d->ctx, SS_E_NOMEM, "to: out of memory for %zu bytes", n);
        if (s == SS_OK) s = ss__to_device(d, (*out)->v.data, host, n);
    } else if (s == SS_OK && n) {
        s = d->gpu ? ss__to_device(d, (*out)->v.data, from->v.data, n)
                   : ss__to_host(src, (*out)->v.data, from->v.data, n);
    }
    free(host);
    ss_tensor_release(from);
    if (s == SS_OK) return s;
    ss_tensor_release(*out);
    *out = NULL;
    return s;
}

ss_status ss_tensor_to(ss_tensor *x, const char *device, ss_tensor **out)
{
    *out = NULL;
    ss_ctx *ctx = x->st->dev->ctx;
    ss_device *d = ss__device(ctx, device);
    if (!d) return SS_E_DEVICE;
    if (d == x->st->dev) {
        *out = ss_tensor_retain(x);
        return SS_OK;
    }
    if (!x->st->dev->computes)
        return ss_ctx_fail(ctx, SS_E_DEVICE, "to: a tensor on %s has no values to move to %s",
                           x->st->dev->name, d->name);
    if (!d->computes) return ss__new_on(d, &x->v, out);
    return move(x, d, out);
}

static bool whole(const ss_tensor *x)
{
    return x->v.data == x->st->data && ss_tensor_bytes(x) == x->st->bytes &&
           ss__is_contiguous(&x->v);
}

bool ss_tensor_adopt(ss_tensor *x, ss_tensor *from)
{
    if (!from->st->window || from->st->version || from->st->refs != 1 || x->st->refs != 1 ||
        x->st->dev != from->st->dev || x->node || x->v.dtype != from->v.dtype ||
        !ss__same_shape(&x->v, &from->v) || !whole(x) || !whole(from))
        return false;
    ss__storage_release(x->st);
    x->st = from->st;
    x->st->refs++;
    x->v.data = from->v.data;
    x->v.id = from->v.id;
    return true;
}

void ss_tensor_rest(ss_tensor *x)
{
    ss__storage_rest(x->st);
}

static void copy_strided(const ss_view *v, size_t size, char *dst)
{
    int64_t at[SS_MAX_DIM] = {0};
    for (int64_t i = 0; i < v->count; i++) {
        int64_t off = 0;
        for (int a = 0; a < v->ndim; a++) off += at[a] * v->stride[a];
        memcpy(dst + (size_t)i * size, (const char *)v->data + off * (int64_t)size, size);
        for (int a = v->ndim - 1; a >= 0 && ++at[a] == v->shape[a]; a--) at[a] = 0;
    }
}

static ss_status read_gpu(ss_tensor *x, void *dst, size_t bytes)
{
    ss_tensor *from;
    ss_status s = packed(x, &from);
    if (s) return s;
    s = bytes ? ss__to_host(from->st->dev, dst, from->v.data, bytes) : SS_OK;
    ss_tensor_release(from);
    return s;
}

void ss_meta_ones(ss_ctx *ctx, bool on)
{
    ctx->meta_ones = on;
}

/* What reading a tensor without values gives: NaN or 0, or 1 while someone plans. */
static void imagine(const ss_tensor *x, char *dst, size_t bytes)
{
    static const unsigned char one[SS_DTYPE_COUNT][8] = {[SS_BOOL] = {1},
                                                         [SS_U8] = {1},
                                                         [SS_I32] = {1},
                                                         [SS_I64] = {1},
                                                         [SS_F16] = {0, 0x3c},
                                                         [SS_BF16] = {0x80, 0x3f},
                                                         [SS_F32] = {0, 0, 0x80, 0x3f}};
    const size_t size = ss_dtype_bytes(x->v.dtype);
    memset(dst, ss_is_float(x->v.dtype) ? 0xFF : 0, bytes);
    for (size_t at = 0; x->st->dev->ctx->meta_ones && at < bytes; at += size)
        memcpy(dst + at, one[x->v.dtype], size);
}

ss_status ss_tensor_read(ss_tensor *x, void *dst, size_t bytes)
{
    size_t size = ss_dtype_bytes(x->v.dtype), want = (size_t)x->v.count * size;
    if (bytes < want)
        return ss_ctx_fail(x->st->dev->ctx, SS_E_ARG, "read: %zu bytes wanted, room for %zu", want,
                           bytes);
    if (!x->st->dev->computes)
        imagine(x, dst, want);
    else if (x->st->dev->gpu)
        return read_gpu(x, dst, want);
    else if (ss__is_contiguous(&x->v))
        memcpy(dst, x->v.data, want);
    else
        copy_strided(&x->v, size, dst);
    return SS_OK;
}

ss_tensor *ss_tensor_retain(ss_tensor *x)
{
    x->refs++;
    return x;
}

void ss_tensor_release(ss_tensor *x)
{
    if (!x || --x->refs > 0) return;
    ss_node *node = x->node;
    ss_storage *st = x->st;
    ss_tensor *grad = x->grad;
    st->dev->ctx->tensors--;
    free(x);
    ss_tensor_release(grad); /* gradients have no gradient of their own: depth 1 */
    ss__node_release(node);
    ss__storage_release(st);
}

const ss_view *ss_tensor_view(const ss_tensor *x)
{
    return &x->v;
}

const char *ss_tensor_device(const ss_tensor *x)
{
    return x->st->dev->name;
}

ss_ctx *ss_tensor_ctx(const ss_tensor *x)
{
    return x->st->dev->ctx;
}

bool ss_tensor_is_contiguous(const ss_tensor *x)
{
    return ss__is_contiguous(&x->v);
}

size_t ss_tensor_bytes(const ss_tensor *x)
{
    return (size_t)x->v.count * ss_dtype_bytes(x->v.dtype);
}

uint64_t ss_tensor_stamp(const ss_tensor *x)
{
    return x->st->id << 32 | x->st->version;
}

void ss_tensor_set_constant(ss_tensor *x, bool on)
{
    x->v.constant = on;
    if (on) x->requires_grad = false;
}

bool ss_tensor_requires_grad(const ss_tensor *x)
{
    return x->requires_grad || x->node;
}

ss_status ss_tensor_set_requires_grad(ss_tensor *x, bool on)
{
    ss_ctx *ctx = x->st->dev->ctx;
    if (x->node)
        return ss_ctx_fail(ctx, SS_E_STATE,
                           "requires_grad_: expected a leaf, got the result of an operation; "
                           "detach() it first");
    if (on && !ss_is_float(x->v.dtype))
        return ss_ctx_fail(ctx, SS_E_DTYPE, "requires_grad_: expected a float tensor, got %s",
                           ss_dtype_name(x->v.dtype));
    x->requires_grad = on;
    if (on) x->v.constant = false;
    return SS_OK;
}

ss_tensor *ss_tensor_grad(const ss_tensor *x)
{
    return x->grad;
}

void ss_tensor_set_grad(ss_tensor *x, ss_tensor *grad)
{
    if (grad) ss_tensor_retain(grad);
    ss_tensor_release(x->grad);
    x->grad = grad;
}
