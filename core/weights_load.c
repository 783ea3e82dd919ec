/* weights_load.c — from a storage in the file to a tensor. */
#include "core.h"
#include "file.h"
#include "weights_parts.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { CHUNK = 1 << 18 }; /* elements converted at a time */

static bool our_type(ss_torch_type t, ss_dtype *out)
{
    switch (t) {
    case SS_TORCH_float64:
    case SS_TORCH_float32:
        *out = SS_F32;
        return true;
    case SS_TORCH_float16:
        *out = SS_F16;
        return true;
    case SS_TORCH_bfloat16:
        *out = SS_BF16;
        return true;
    case SS_TORCH_int64:
    case SS_TORCH_uint64:
    case SS_TORCH_uint32:
        *out = SS_I64;
        return true;
    case SS_TORCH_int32:
    case SS_TORCH_int16:
    case SS_TORCH_int8:
    case SS_TORCH_uint16:
        *out = SS_I32;
        return true;
    case SS_TORCH_uint8:
        *out = SS_U8;
        return true;
    case SS_TORCH_bool:
        *out = SS_BOOL;
        return true;
    default:
        return false;
    }
}

static bool as_stored(ss_torch_type t)
{
    return t == SS_TORCH_float32 || t == SS_TORCH_float16 || t == SS_TORCH_bfloat16 ||
           t == SS_TORCH_int64 || t == SS_TORCH_int32 || t == SS_TORCH_uint8;
}

/* ---- the mapped file --------------------------------------------------------------------- */

/* All that are mapped, so that ss_weights_mapped() finds them. */
static w_map *maps;
static pthread_mutex_t maps_lock = PTHREAD_MUTEX_INITIALIZER;

static void enlist(w_map *m)
{
    pthread_mutex_lock(&maps_lock);
    m->next = maps;
    maps = m;
    pthread_mutex_unlock(&maps_lock);
}

static void drop_map(void *owner)
{
    w_map *m = owner;
    if (--m->refs) return;
    pthread_mutex_lock(&maps_lock);
    for (w_map **at = &maps; *at; at = &(*at)->next)
        if (*at == m) {
            *at = m->next;
            break;
        }
    pthread_mutex_unlock(&maps_lock);
    munmap(m->data, m->bytes);
    free(m->path);
    free(m);
}

const char *ss_weights_mapped(const void *p)
{
    for (const w_map *m = maps; m; m = m->next)
        if ((const unsigned char *)p >= m->data && (const unsigned char *)p < m->data + m->bytes)
            return m->path;
    return NULL;
}

/* NULL where the file cannot be mapped; it is read then. Private: writes stay in memory. */
static w_map *map_file(ss_weights *w)
{
    if (w->map || w->size == 0 || w->size > SIZE_MAX) return w->map;
    w_map *m = malloc(sizeof *m);
    char *path = strdup(w->path);
    void *p = m && path ? mmap(NULL, (size_t)w->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, w->fd, 0)
                        : MAP_FAILED;
    if (p == MAP_FAILED) {
        free(path);
        free(m);
        return NULL;
    }
    *m = (w_map){.data = p, .bytes = (size_t)w->size, .refs = 1, .path = path};
    enlist(m);
    w->map = m;
    return m;
}

/* ---- conversions --------------------------------------------------------------------------- */

/* Element i of `from` into `to`; false: it does not fit. */
static bool convert_one(void *to, const void *from, ss_torch_type t, size_t i, bool round)
{
    switch (t) {
    case SS_TORCH_float64: {
        const double x = ((const double *)from)[i];
        const float y = (float)x;
        ((float *)to)[i] = y;
        return round ? !isinf(y) || isinf(x) : (double)y == x || isnan(x);
    }
    case SS_TORCH_int16:
        ((int32_t *)to)[i] = ((const int16_t *)from)[i];
        return true;
    case SS_TORCH_int8:
        ((int32_t *)to)[i] = ((const int8_t *)from)[i];
        return true;
    case SS_TORCH_uint16:
        ((int32_t *)to)[i] = ((const uint16_t *)from)[i];
        return true;
    case SS_TORCH_uint32:
        ((int64_t *)to)[i] = ((const uint32_t *)from)[i];
        return true;
    case SS_TORCH_uint64:
        ((int64_t *)to)[i] = (int64_t)((const uint64_t *)from)[i];
        return ((const uint64_t *)from)[i] <= INT64_MAX;
    default: /* bool: any byte but 0 is true */
        ((uint8_t *)to)[i] = ((const uint8_t *)from)[i] != 0;
        return true;
    }
}

static ss_status convert(const ss_weights *w, const w_storage *st, ss_torch_type type,
                         const ss_view *to, bool round, const char *name, ss_error *err)
{
    const size_t size = ss_torch_type_bytes(type), wide = ss_dtype_bytes(to->dtype);
    const size_t room = to->count < CHUNK ? (size_t)to->count : CHUNK;
    void *raw = malloc(room * size + 1);
    if (!raw) return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", w->path);
    ss_status s = SS_OK;
    for (int64_t at = 0; at < to->count && !s;) {
        const size_t n = (size_t)(to->count - at) < room ? (size_t)(to->count - at) : room;
        s = ss_read_fully(w->fd, raw, n * size, st->at + (uint64_t)at * size, w->path, err);
        char *dst = (char *)to->data + (size_t)at * wide;
        for (size_t i = 0; i < n && !s; i++)
            if (!convert_one(dst, raw, type, i, round))
                s = ss_error_set(
                    err, SS_E_DTYPE, "%s: tensor '%.200s' is %s with a value that %s cannot hold%s",
                    w->path, name, ss_torch_type_name(type), ss_dtype_name(to->dtype),
                    type == SS_TORCH_float64 && !round ? " exactly; round = true takes the nearest"
                                                       : "");
        at += (int64_t)n;
    }
    free(raw);
    return s;
}

/* ---- storages ---------------------------------------------------------------------------------
 */

static ss_status check_crc(const ss_weights *w, w_storage *st, const char *name, ss_error *err)
{
    uint32_t crc;
    if (!st->has_crc || st->checked) return SS_OK;
    ss_status s = w_crc(w, st->at, st->bytes, &crc, err);
    if (s) return s;
    if (crc != st->crc)
        return ss_error_set(err, SS_E_FORMAT,
                            "%s: tensor '%.200s' is damaged: checksum %08x, the file says %08x",
                            w->path, name, (unsigned)crc, (unsigned)st->crc);
    st->checked = true;
    return SS_OK;
}

static ss_status from_ctx(const ss_weights *w, ss_ctx *ctx, ss_status s, ss_error *err)
{
    return s ? ss_error_set(err, s, "%s: %.300s", w->path, ss_errmsg(ctx)) : SS_OK;
}

/* All of a storage as one row of elements. */
static ss_status load_storage(ss_weights *w, ss_ctx *ctx, w_storage *st, ss_torch_type type,
                              int flags, const char *name, ss_tensor **out, ss_error *err)
{
    ss_dtype dtype;
    const size_t size = ss_torch_type_bytes(type);
    const int64_t n = (int64_t)(st->bytes / size);
    if (!our_type(type, &dtype))
        return ss_error_set(err, SS_E_DTYPE, "%s: tensor '%.200s' is %s, which has no counterpart",
                            w->path, name, ss_torch_type_name(type));
    ss_status s = check_crc(w, st, name, err);
    if (s) return s;
    if (as_stored(type) && n && st->at % size == 0 && !(flags & SS_W_COPY) && map_file(w)) {
        s = ss__tensor_foreign(ctx, dtype, n, w->map->data + st->at, drop_map, w->map, out);
        if (!s) {
            w->map->refs++;
            (*out)->st->window = true;
        }
        return from_ctx(w, ctx, s, err);
    }
    s = from_ctx(w, ctx, ss_tensor_new(ctx, dtype, 1, &n, "cpu", out), err);
    if (s) return s;
    const ss_view *v = ss_tensor_view(*out);
    s = as_stored(type) ? ss_read_fully(w->fd, v->data, (size_t)n * size, st->at, w->path, err)
                        : convert(w, st, type, v, flags & SS_W_ROUND, name, err);
    if (s) {
        ss_tensor_release(*out);
        *out = NULL;
    }
    return s;
}

/* Tensors that show the same bytes again and again make a small file look huge. */
static ss_status check_total(ss_weights *w, const ss_w_tensor *t, ss_error *err)
{
    uint64_t bytes;
    if (__builtin_mul_overflow((uint64_t)t->where->count, ss_torch_type_bytes(t->where->type),
                               &bytes) ||
        __builtin_add_overflow(w->handed, bytes, &w->handed) || w->handed / 4 > w->size + (1 << 18))
        return ss_error_set(err, SS_E_FORMAT,
                            "%s: tensor '%.200s': the tensors show the file's bytes again and "
                            "again, more than four times its size",
                            w->path, t->name);
    return SS_OK;
}

ss_status ss_weights_load(ss_weights *w, ss_ctx *ctx, int i, int flags, ss_tensor **out,
                          ss_error *err)
{
    const ss_w_tensor *t = &w->tensor[i];
    const pk_tensor *x = t->where;
    w_storage *st = &w->storage[x->storage];
    *out = NULL;
    ss_status s = check_total(w, t, err);
    if (s) return s;
    if (st->base && st->base_type != x->type) {
        ss_tensor_release(st->base);
        st->base = NULL;
    }
    if (!st->base) s = load_storage(w, ctx, st, x->type, flags, t->name, &st->base, err);
    if (s) return s;
    st->base_type = x->type;
    ss_view v = *ss_tensor_view(st->base);
    v.ndim = x->ndim;
    v.count = x->count;
    for (int k = 0; k < x->ndim; k++) {
        v.shape[k] = x->shape[k];
        v.stride[k] = x->stride[k];
    }
    if (x->count) v.data = (char *)v.data + (size_t)x->offset * ss_dtype_bytes(v.dtype);
    return from_ctx(w, ctx, ss__tensor_make(ctx, st->base->st, &v, out), err);
}
