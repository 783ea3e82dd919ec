/* weights.c — recognising and opening checkpoint files; see weights.h. */
#include "weights.h"
#include "file.h"
#include "safetensors.h"
#include "weights_parts.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

enum { CHUNK = 1 << 20 };

ss_status w_no_memory(const ss_weights *w, ss_error *err)
{
    return ss_error_set(err, SS_E_NOMEM, "%s: out of memory, or its lists are too large for it",
                        w->path);
}

void *w_more(ss_weights *w, void *array, size_t n, size_t bytes)
{
    if (n >= 16 ? n & (n - 1) : n != 0) return array;
    void *more = ss_pickle_alloc(w->p, (n ? 2 * n : 16) * bytes);
    if (more && n) memcpy(more, array, n * bytes);
    return more;
}

char *w_text(ss_weights *w, const char *s, size_t n)
{
    char *copy = ss_pickle_alloc(w->p, n + 1);
    if (!copy) return NULL;
    memcpy(copy, s, n);
    copy[n] = 0;
    return copy;
}

ss_status w_add_note(ss_weights *w, const char *key, const char *value, ss_error *err)
{
    w->note = w_more(w, w->note, w->nnote, sizeof *w->note);
    char *k = w_text(w, key, strlen(key)), *v = w_text(w, value, strlen(value));
    if (!w->note || !k || !v) return w_no_memory(w, err);
    w->note[w->nnote++] = (ss_w_note){k, v};
    return SS_OK;
}

ss_status w_new_storages(ss_weights *w, ss_error *err)
{
    w->nstorage = ss_pickle_storages(w->p);
    w->storage = ss_pickle_alloc(w->p, ((size_t)w->nstorage + 1) * sizeof *w->storage);
    if (!w->storage) {
        w->nstorage = 0;
        return w_no_memory(w, err);
    }
    memset(w->storage, 0, ((size_t)w->nstorage + 1) * sizeof *w->storage);
    return SS_OK;
}

ss_status w_crc(const ss_weights *w, uint64_t at, uint64_t bytes, uint32_t *crc, ss_error *err)
{
    const size_t room = bytes < CHUNK ? (size_t)bytes + 1 : CHUNK;
    unsigned char *block = malloc(room);
    ss_status s = block ? SS_OK : ss_error_set(err, SS_E_NOMEM, "%s: out of memory", w->path);
    *crc = 0;
    while (!s && bytes) {
        const size_t n = bytes < room ? (size_t)bytes : room;
        s = ss_read_fully(w->fd, block, n, at, w->path, err);
        if (!s) *crc = (uint32_t)crc32(*crc, block, (uInt)n);
        at += n;
        bytes -= n;
    }
    free(block);
    return s;
}

/* ---- safetensors ------------------------------------------------------------------------- */

static ss_torch_type torch_type(ss_st_type t)
{
    static const ss_torch_type to[SS_ST_TYPES] = {
        [SS_ST_F64] = SS_TORCH_float64, [SS_ST_F32] = SS_TORCH_float32,
        [SS_ST_F16] = SS_TORCH_float16, [SS_ST_BF16] = SS_TORCH_bfloat16,
        [SS_ST_I64] = SS_TORCH_int64,   [SS_ST_I32] = SS_TORCH_int32,
        [SS_ST_I16] = SS_TORCH_int16,   [SS_ST_I8] = SS_TORCH_int8,
        [SS_ST_U64] = SS_TORCH_uint64,  [SS_ST_U32] = SS_TORCH_uint32,
        [SS_ST_U16] = SS_TORCH_uint16,  [SS_ST_U8] = SS_TORCH_uint8,
        [SS_ST_BOOL] = SS_TORCH_bool};
    return to[t];
}

static ss_status add_stored(ss_weights *w, int i, ss_error *err)
{
    const ss_st_info *t = ss_st_at(w->st, i);
    pk_tensor *x = ss_pickle_alloc(w->p, sizeof *x);
    w->tensor = w_more(w, w->tensor, w->ntensor, sizeof *w->tensor);
    if (!x || !w->tensor) return w_no_memory(w, err);
    *x = (pk_tensor){.storage = i, .type = torch_type(t->type), .ndim = t->ndim, .count = t->count};
    int64_t stride = 1;
    for (int k = t->ndim - 1; k >= 0; k--) {
        x->shape[k] = t->shape[k];
        x->stride[k] = stride;
        if (t->count) stride *= t->shape[k];
    }
    w->tensor[w->ntensor++] = (ss_w_tensor){t->name, 0, x};
    w->storage[i] = (w_storage){.at = ss_st_data_at(w->st) + t->begin, .bytes = t->bytes};
    return SS_OK;
}

ss_status w_open_safetensors(ss_weights *w, ss_error *err)
{
    const char *key, *value;
    w->format = "safetensors";
    ss_status s = ss_st_open(&w->st, w->path, err);
    if (!s && w->crc) s = ss_st_verify(w->st, err);
    if (s) return s;
    const int n = ss_st_count(w->st);
    w->storage = ss_pickle_alloc(w->p, ((size_t)n + 1) * sizeof *w->storage);
    w->container = ss_pickle_alloc(w->p, sizeof *w->container);
    if (!w->storage || !w->container) return w_no_memory(w, err);
    memset(w->storage, 0, ((size_t)n + 1) * sizeof *w->storage);
    w->nstorage = n;
    w->container[w->ncontainer++] = (ss_w_container){"", n};
    for (int i = 0; i < n && !s; i++) s = add_stored(w, i, err);
    for (int i = 0; !s && ss_st_meta(w->st, i, &key, &value); i++)
        s = w_add_note(w, key, value, err);
    return s;
}

/* ---- all formats --------------------------------------------------------------------------- */

typedef ss_status (*opener)(ss_weights *w, ss_error *err);

static opener recognise(const unsigned char *h, size_t n)
{
    if (n >= 4 && !memcmp(h, "PK\3\4", 4)) return w_open_zip;
    if (n >= 9 && h[8] == '{') return w_open_safetensors;
    if (n >= 2 && h[0] == 0x80 && h[1] >= 2 && h[1] <= 5) return w_open_legacy;
    return NULL;
}

static ss_status unknown_file(const ss_weights *w, const unsigned char *h, size_t n, ss_error *err)
{
    const char *what = "is no checkpoint; PyTorch (.pth, .pt) and safetensors files are read";
    if (w->size == 0) what = "is empty";
    if (n >= 4 && !memcmp(h, "PK\5\6", 4)) what = "is an empty zip file";
    if (n >= 2 && h[0] == 0x1f && h[1] == 0x8b) what = "is compressed with gzip; unpack it first";
    if (n >= 262 && !memcmp(h + 257, "ustar", 5))
        what = "is a tar file, PyTorch's format before 0.2; load and save it with a newer PyTorch";
    return ss_error_set(err, SS_E_FORMAT, "%s: %s", w->path, what);
}

ss_status ss_weights_open(ss_weights **out, const char *path, bool crc, ss_error *err)
{
    unsigned char head[512];
    *out = NULL;
    ss_weights *w = calloc(1, sizeof *w);
    if (!w) return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", path);
    w->fd = -1;
    w->crc = crc;
    w->path = strdup(path);
    ss_status s = w->path ? ss_file_open(&w->fd, &w->size, path, err)
                          : ss_error_set(err, SS_E_NOMEM, "%s: out of memory", path);
    const size_t n = s || w->size < sizeof head ? (size_t)w->size : sizeof head;
    if (!s) s = ss_read_fully(w->fd, head, n, 0, w->path, err);
    if (!s) s = ss_pickle_new(&w->p, w->path, w->size + W_SPARE, err);
    if (!s) {
        const opener open = recognise(head, n);
        s = open ? open(w, err) : unknown_file(w, head, n, err);
    }
    if (s)
        ss_weights_close(w);
    else
        *out = w;
    return s;
}

void ss_weights_close(ss_weights *w)
{
    if (!w) return;
    for (int i = 0; i < w->nstorage; i++) ss_tensor_release(w->storage[i].base);
    if (w->map && --w->map->refs == 0) {
        munmap(w->map->data, w->map->bytes);
        free(w->map);
    }
    if (w->fd >= 0) close(w->fd);
    ss_st_close(w->st);
    ss_pickle_free(w->p);
    free(w->text);
    free(w->path);
    free(w);
}

const char *ss_weights_format(const ss_weights *w)
{
    return w->format;
}

uint64_t ss_weights_bytes(const ss_weights *w)
{
    return w->size;
}

int ss_weights_count(const ss_weights *w)
{
    return (int)w->ntensor;
}

const ss_w_tensor *ss_weights_at(const ss_weights *w, int i)
{
    return i >= 0 && (size_t)i < w->ntensor ? &w->tensor[i] : NULL;
}

int ss_weights_containers(const ss_weights *w)
{
    return (int)w->ncontainer;
}

const ss_w_container *ss_weights_container(const ss_weights *w, int i)
{
    return i >= 0 && (size_t)i < w->ncontainer ? &w->container[i] : NULL;
}

int ss_weights_notes(const ss_weights *w)
{
    return (int)w->nnote;
}

const ss_w_note *ss_weights_note(const ss_weights *w, int i)
{
    return i >= 0 && (size_t)i < w->nnote ? &w->note[i] : NULL;
}
