/* weights_torch.c — PyTorch's two formats: where the pickles are and where the storages. */
#include "file.h"
#include "weights_parts.h"
#include "zip.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ss_status bad(const ss_weights *w, const char *what, ss_error *err)
{
    return ss_error_set(err, SS_E_FORMAT, "%s: %s", w->path, what);
}

/* The sizes of a storage in the file and by its description must be the same number. */
static ss_status place(ss_weights *w, int i, uint64_t at, uint64_t bytes, ss_error *err)
{
    const pk_storage *st = ss_pickle_storage(w->p, i);
    const uint64_t want = (uint64_t)st->numel * ss_torch_type_bytes(st->type);
    if (bytes != want)
        return ss_error_set(
            err, SS_E_FORMAT,
            "%s: storage '%.100s' has %llu bytes, its %lld elements of %s take %llu", w->path,
            st->key, (unsigned long long)bytes, (long long)st->numel, ss_torch_type_name(st->type),
            (unsigned long long)want);
    w->storage[i].at = at;
    w->storage[i].bytes = bytes;
    return SS_OK;
}

/* ---- the zip format ------------------------------------------------------------------------ */

static bool digits(const char *s)
{
    return *s && strspn(s, "0123456789") == strlen(s);
}

/* What torch.save puts below the common folder. */
static bool known_part(const char *s)
{
    static const char *const fixed[] = {"data.pkl",           "version",
                                        "byteorder",          ".format_version",
                                        ".storage_alignment", ".data/serialization_id",
                                        "constants.pkl"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (!strcmp(s, fixed[i])) return true;
    return !strncmp(s, "code/", 5) || (!strncmp(s, "data/", 5) && digits(s + 5));
}

/* All entries lie in one folder; *nroot is the length of its name with the slash. */
static ss_status check_names(const ss_weights *w, const ss_zip *z, size_t *nroot, ss_error *err)
{
    const ss_zip_entry *first = ss_zip_at(z, 0);
    const char *slash = first ? strchr(first->name, '/') : NULL;
    if (!slash) return bad(w, "a zip file, but not one that torch.save wrote", err);
    *nroot = (size_t)(slash - first->name) + 1;
    if (!strncmp(first->name, "./", *nroot) || !strncmp(first->name, "../", *nroot))
        return bad(w, "zip entries outside a folder of their own", err);
    for (int i = 0; i < ss_zip_count(z); i++) {
        const char *name = ss_zip_at(z, i)->name;
        if (strncmp(name, first->name, *nroot) || !known_part(name + *nroot))
            return ss_error_set(err, SS_E_FORMAT, "%s: zip entry '%.200s' is not one of torch.save",
                                w->path, name);
    }
    return SS_OK;
}

static const ss_zip_entry *part(const ss_zip *z, size_t nroot, const char *name)
{
    char full[4096 + 300];
    snprintf(full, sizeof full, "%.*s%s", (int)nroot, ss_zip_at(z, 0)->name, name);
    return ss_zip_find(z, full);
}

static ss_status check_order(const ss_weights *w, const ss_zip_entry *e, ss_error *err)
{
    static const char little[6] = "little";
    char order[sizeof little] = "";
    if (!e) return SS_OK;
    ss_status s = SS_OK;
    if (e->bytes == sizeof order)
        s = ss_read_fully(w->fd, order, sizeof order, e->data_at, w->path, err);
    if (!s && memcmp(order, little, sizeof order))
        s = bad(w, "its byteorder is not 'little'; only little-endian files are read", err);
    return s;
}

static ss_status find_storages(ss_weights *w, const ss_zip *z, size_t nroot, ss_error *err)
{
    ss_status s = w_new_storages(w, err);
    for (int i = 0; i < w->nstorage && !s; i++) {
        char name[300];
        const pk_storage *st = ss_pickle_storage(w->p, i);
        snprintf(name, sizeof name, "data/%s", st->key);
        const ss_zip_entry *e = part(z, nroot, name);
        if (!e)
            return ss_error_set(err, SS_E_FORMAT, "%s: its storage '%.100s' is missing", w->path,
                                name);
        s = place(w, i, e->data_at, e->bytes, err);
        w->storage[i].crc = e->crc;
        w->storage[i].has_crc = w->crc;
    }
    return s;
}

static ss_status read_zip(ss_weights *w, const ss_zip *z, ss_error *err)
{
    size_t nroot = 0, used = 0;
    uint32_t crc = 0;
    pk_value *root = NULL;
    ss_status s = check_names(w, z, &nroot, err);
    if (s) return s;
    const ss_zip_entry *e = part(z, nroot, "data.pkl");
    if (!e) return bad(w, "a zip file, but not one that torch.save wrote: no data.pkl", err);
    if ((s = check_order(w, part(z, nroot, "byteorder"), err))) return s;
    if (w->crc && !(s = w_crc(w, e->data_at, e->bytes, &crc, err)) && crc != e->crc)
        s = bad(w, "its data.pkl is damaged: wrong checksum", err);
    if (s) return s;
    if (!(w->text = malloc((size_t)e->bytes + 1))) return w_no_memory(w, err);
    s = ss_read_fully(w->fd, w->text, (size_t)e->bytes, e->data_at, w->path, err);
    if (!s) s = ss_pickle_load(w->p, w->text, (size_t)e->bytes, 0, &root, &used, err);
    if (!s && used != e->bytes) s = bad(w, "its pickle goes on after STOP", err);
    if (!s) s = find_storages(w, z, nroot, err);
    return s ? s : w_walk(w, root, err);
}

ss_status w_open_zip(ss_weights *w, ss_error *err)
{
    ss_zip *z;
    w->format = "PyTorch zip";
    ss_status s = ss_zip_open(&z, w->fd, w->size, w->path, err);
    if (s) return s;
    s = read_zip(w, z, err);
    ss_zip_close(z);
    return s;
}

/* ---- the older format: pickles, then storages one after the other ------------------------------
 */

static const pk_value *field(const pk_value *dict, const char *key)
{
    for (uint32_t i = 0; dict->kind == PK_DICT && i + 1 < dict->n; i += 2)
        if (ss_pickle_is(dict->item[i], key)) return dict->item[i + 1];
    return NULL;
}

static ss_status check_preamble(const ss_weights *w, pk_value *const v[], ss_error *err)
{
    static const char magic[] = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    if (v[0]->kind != PK_OPAQUE || v[0]->n != sizeof magic - 1 ||
        memcmp(v[0]->s, magic, sizeof magic - 1))
        return bad(w, "a pickle, but not one that torch.save wrote", err);
    const pk_value *little = field(v[2], "little_endian");
    if (v[1]->kind != PK_INT || v[1]->i != 1001)
        return bad(w, "an unknown version of PyTorch's old format", err);
    if (!little || little->kind != PK_BOOL || !little->i)
        return bad(w, "it was written on a big-endian machine; only little-endian files are read",
                   err);
    return SS_OK;
}

/* The five pickles at the start of the n bytes read so far. */
static ss_status read_pickles(ss_weights *w, size_t n, pk_value *v[5], size_t *at, ss_error *err)
{
    ss_status s = SS_OK;
    *at = 0;
    for (int i = 0; i < 5 && !s; i++) {
        size_t used = 0;
        s = ss_pickle_load(w->p, w->text + *at, n - *at, *at, &v[i], &used, err);
        *at += used;
        if (!s && i == 2) s = check_preamble(w, v, err);
    }
    return s;
}

static ss_status find_records(ss_weights *w, const pk_value *keys, uint64_t at, ss_error *err)
{
    ss_status s = w_new_storages(w, err);
    if (!s && keys->kind != PK_LIST) s = bad(w, "its list of storages is missing", err);
    for (uint32_t i = 0; !s && i < keys->n; i++) {
        const pk_value *key = keys->item[i];
        int64_t numel;
        const int k = key->kind == PK_TEXT ? ss_pickle_find(w->p, key->s, key->n) : -1;
        if (k < 0) return bad(w, "it lists a storage that no tensor uses", err);
        if (w->storage[k].checked) return bad(w, "it lists a storage twice", err);
        w->storage[k].checked = true;
        const pk_storage *st = ss_pickle_storage(w->p, k);
        if ((s = ss_read_fully(w->fd, &numel, 8, at, w->path, err))) return s;
        at += 8;
        if (numel != st->numel)
            return ss_error_set(err, SS_E_FORMAT,
                                "%s: storage '%.100s' has %lld elements, %lld were described",
                                w->path, st->key, (long long)numel, (long long)st->numel);
        const uint64_t bytes = (uint64_t)numel * ss_torch_type_bytes(st->type);
        if (bytes > w->size - at)
            return ss_error_set(
                err, SS_E_FORMAT, "%s: storage '%.100s' takes %llu bytes, the file ends after %llu",
                w->path, st->key, (unsigned long long)bytes, (unsigned long long)(w->size - at));
        s = place(w, k, at, bytes, err);
        at += bytes;
    }
    for (int i = 0; !s && i < w->nstorage; i++)
        if (!w->storage[i].checked)
            s = ss_error_set(err, SS_E_FORMAT, "%s: its storage '%.100s' is missing", w->path,
                             ss_pickle_storage(w->p, i)->key);
    if (!s && at != w->size) s = bad(w, "something follows its last storage", err);
    return s;
}

ss_status w_open_legacy(ss_weights *w, ss_error *err)
{
    enum { FIRST = 1 << 20 };
    pk_value *v[5] = {0};
    size_t at = 0, n = w->size < FIRST ? (size_t)w->size : FIRST;
    ss_status s;
    w->format = "PyTorch before 1.6";
    /* The length of the pickles is known only when they have been run: a part of the file first. */
    for (;;) {
        free(w->text);
        w->text = malloc(n + 1);
        if (!w->text) return w_no_memory(w, err);
        s = ss_read_fully(w->fd, w->text, n, 0, w->path, err);
        if (!s) s = read_pickles(w, n, v, &at, err);
        if (!s || n == w->size) break;
        n = w->size / 4 < n ? (size_t)w->size : 4 * n;
        ss_pickle_free(w->p);
        w->p = NULL;
        if ((s = ss_pickle_new(&w->p, w->path, w->size + W_SPARE, err))) return s;
    }
    if (!s) s = find_records(w, v[4], at, err);
    return s ? s : w_walk(w, v[3], err);
}
