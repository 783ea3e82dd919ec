/* cache.c — see cache.h. An entry is a head, the descriptions of its parts, and their bytes, each
 * part at a multiple of 64. Keys are hashed, as LMDB's are short; the head holds the whole key. */
#include "cache.h"
#include "file.h"
#include "op.h"
#include <errno.h>
#include <limits.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { MAGIC = 0x31435353, MAX_KEY = 1024, MAX_READERS = 256 };

struct ss_cache {
    ss_cache *next;
    int refs;
    char *dir;
    MDB_env *env;
    MDB_dbi dbi;
};

typedef struct part_head {
    char name[SS_PART_NAME];
    int32_t dtype, ndim;
    int64_t shape[SS_MAX_DIM];
    uint64_t at, bytes;
} part_head;

typedef struct entry_head {
    uint32_t magic, n;
    uint64_t hash; /* of everything after this field */
    uint64_t bytes;
    char key[MAX_KEY];
    part_head part[SS_PARTS];
} entry_head;

/* LMDB forbids opening one folder twice in a process. */
static ss_cache *opened;
static pthread_mutex_t opened_lock = PTHREAD_MUTEX_INITIALIZER;

static ss_status fail(const ss_cache *c, int rc, const char *what, ss_error *err)
{
    if (rc == MDB_MAP_FULL)
        return ss_error_set(err, SS_E_IO,
                            "cache %s: full: it may not grow further; raise its limit "
                            "or remove the folder",
                            c->dir);
    if (rc == MDB_CORRUPTED || rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH ||
        rc == MDB_PAGE_NOTFOUND)
        return ss_error_set(err, SS_E_FORMAT,
                            "cache %s: damaged (%s); remove the folder, it is made "
                            "anew",
                            c->dir, mdb_strerror(rc));
    return ss_error_set(err, rc == ENOMEM ? SS_E_NOMEM : SS_E_IO, "cache %s: %s: %s", c->dir, what,
                        mdb_strerror(rc));
}

/* ---- opening --------------------------------------------------------------------------- */

static int open_env(ss_cache *c, uint64_t limit)
{
    MDB_txn *txn = NULL;
    int rc = mdb_env_create(&c->env);
    if (!rc) rc = mdb_env_set_mapsize(c->env, limit);
    if (!rc) rc = mdb_env_set_maxreaders(c->env, MAX_READERS);
    if (!rc) rc = mdb_env_open(c->env, c->dir, MDB_NOTLS | MDB_NORDAHEAD, 0666);
    if (!rc) rc = mdb_txn_begin(c->env, NULL, 0, &txn);
    if (!rc) rc = mdb_dbi_open(txn, NULL, 0, &c->dbi);
    if (!rc)
        rc = mdb_txn_commit(txn);
    else if (txn)
        mdb_txn_abort(txn);
    return rc;
}

static ss_status open_new(ss_cache **out, const char *dir, uint64_t limit, ss_error *err)
{
    ss_cache *c = calloc(1, sizeof *c);
    if (!c || !(c->dir = strdup(dir))) {
        free(c);
        return ss_error_set(err, SS_E_NOMEM, "cache %s: out of memory", dir);
    }
    int rc = open_env(c, limit);
    if (rc) {
        ss_status s = fail(c, rc, "could not be opened", err);
        if (c->env) mdb_env_close(c->env);
        free(c->dir);
        free(c);
        return s;
    }
    c->refs = 1;
    c->next = opened;
    opened = *out = c;
    return SS_OK;
}

ss_status ss_cache_open(ss_cache **out, const char *dir, uint64_t limit, ss_error *err)
{
    char real[PATH_MAX];
    *out = NULL;
    ss_status s = ss_file_mkdir(dir, err);
    if (s) return s;
    if (!realpath(dir, real)) return ss_error_set(err, SS_E_IO, "cache %s: no such folder", dir);
    pthread_mutex_lock(&opened_lock);
    for (ss_cache *c = opened; c && !*out; c = c->next)
        if (!strcmp(c->dir, real)) {
            c->refs++;
            *out = c;
        }
    if (!*out) s = open_new(out, real, limit, err);
    pthread_mutex_unlock(&opened_lock);
    return s;
}

void ss_cache_close(ss_cache *c)
{
    if (!c) return;
    pthread_mutex_lock(&opened_lock);
    if (--c->refs == 0) {
        ss_cache **at = &opened;
        while (*at && *at != c) at = &(*at)->next;
        if (*at) *at = c->next;
        mdb_env_close(c->env);
        free(c->dir);
        free(c);
    }
    pthread_mutex_unlock(&opened_lock);
}

/* ---- entries ------------------------------------------------------------------------------- */

static MDB_val key_of(const char *key, XXH128_hash_t *room)
{
    *room = XXH3_128bits(key, strlen(key));
    return (MDB_val){sizeof *room, room};
}

static uint64_t hash_of(const entry_head *h)
{
    const char *from = (const char *)&h->bytes;
    return XXH3_64bits(from, h->bytes - (size_t)(from - (const char *)h));
}

static ss_status check_key(const ss_cache *c, const char *key, ss_error *err)
{
    if (strlen(key) < MAX_KEY) return SS_OK;
    return ss_error_set(err, SS_E_ARG, "cache %s: a key of %zu bytes, at most %d", c->dir,
                        strlen(key), MAX_KEY - 1);
}

static void fill(entry_head *h, const char *key, int n, const ss_part *part, uint64_t bytes)
{
    memset(h, 0, sizeof *h);
    h->magic = MAGIC;
    h->n = (uint32_t)n;
    h->bytes = bytes;
    memcpy(h->key, key, strlen(key));
    uint64_t at = (sizeof *h + 63) / 64 * 64;
    for (int i = 0; i < n; i++) {
        part_head *p = &h->part[i];
        const ss_view *v = &part[i].view;
        memcpy(p->name, part[i].name, SS_PART_NAME);
        p->dtype = (int32_t)v->dtype;
        p->ndim = v->ndim;
        memcpy(p->shape, v->shape, sizeof p->shape);
        p->at = at;
        p->bytes = (uint64_t)v->count * ss_dtype_bytes(v->dtype);
        if (p->bytes) memcpy((char *)h + at, v->data, p->bytes);
        at += (p->bytes + 63) / 64 * 64;
    }
    h->hash = hash_of(h);
}

ss_status ss_cache_put(ss_cache *c, const char *key, int n, const ss_part *part, ss_error *err)
{
    XXH128_hash_t room;
    MDB_val k = key_of(key, &room), v = {(sizeof(entry_head) + 63) / 64 * 64, NULL};
    MDB_txn *txn;
    ss_status s = check_key(c, key, err);
    if (s) return s;
    if (n > SS_PARTS)
        return ss_error_set(err, SS_E_ARG, "cache %s: %d arrays in one entry, at most %d", c->dir,
                            n, SS_PARTS);
    for (int i = 0; i < n; i++)
        v.mv_size +=
            ((size_t)part[i].view.count * ss_dtype_bytes(part[i].view.dtype) + 63) / 64 * 64;
    entry_head *h = aligned_alloc(64, v.mv_size);
    if (!h) return ss_error_set(err, SS_E_NOMEM, "cache %s: out of memory for an entry", c->dir);
    memset(h, 0, v.mv_size);
    fill(h, key, n, part, v.mv_size);
    v.mv_data = h;
    int rc = mdb_txn_begin(c->env, NULL, 0, &txn);
    if (!rc) {
        rc = mdb_put(txn, c->dbi, &k, &v, 0);
        if (!rc)
            rc = mdb_txn_commit(txn);
        else
            mdb_txn_abort(txn);
    }
    free(h);
    return rc ? fail(c, rc, "an entry could not be written", err) : SS_OK;
}

static bool sound(const entry_head *h, size_t bytes, const char *key)
{
    if (bytes < sizeof *h || h->magic != MAGIC || h->bytes != bytes || h->n > SS_PARTS)
        return false;
    if (h->hash != hash_of(h) || strncmp(h->key, key, MAX_KEY)) return false;
    for (uint32_t i = 0; i < h->n; i++)
        if (h->part[i].at > bytes || h->part[i].bytes > bytes - h->part[i].at ||
            h->part[i].ndim > SS_MAX_DIM || h->part[i].dtype >= SS_DTYPE_COUNT)
            return false;
    return true;
}

static void publish(entry_head *h, int *n, ss_part *part)
{
    *n = (int)h->n;
    for (int i = 0; i < *n; i++) {
        const part_head *p = &h->part[i];
        ss_view v = {.dtype = (ss_dtype)p->dtype, .ndim = p->ndim, .count = 1, .present = true};
        for (int a = p->ndim - 1; a >= 0; a--) {
            v.shape[a] = p->shape[a];
            v.stride[a] = v.count;
            v.count *= p->shape[a];
        }
        v.data = (char *)h + p->at;
        memcpy(part[i].name, p->name, SS_PART_NAME);
        part[i].view = v;
    }
}

ss_status ss_cache_get(ss_cache *c, const char *key, void **block, int *n, ss_part *part,
                       ss_error *err)
{
    XXH128_hash_t room;
    MDB_val k = key_of(key, &room), v;
    MDB_txn *txn;
    ss_status s = check_key(c, key, err);
    *block = NULL;
    *n = 0;
    if (s) return s;
    int rc = mdb_txn_begin(c->env, NULL, MDB_RDONLY, &txn);
    if (rc) return fail(c, rc, "could not be read", err);
    rc = mdb_get(txn, c->dbi, &k, &v);
    if (!rc) {
        *block = aligned_alloc(64, (v.mv_size + 63) / 64 * 64);
        if (*block) memcpy(*block, v.mv_data, v.mv_size);
    }
    mdb_txn_abort(txn);
    if (rc == MDB_NOTFOUND) return SS_OK;
    if (rc) return fail(c, rc, "could not be read", err);
    if (!*block) return ss_error_set(err, SS_E_NOMEM, "cache %s: out of memory", c->dir);
    if (!sound(*block, v.mv_size, key)) {
        free(*block);
        *block = NULL;
        return ss_error_set(err, SS_E_FORMAT,
                            "cache %s: the entry of '%.100s' is damaged; remove the "
                            "folder, it is made anew",
                            c->dir, key);
    }
    publish(*block, n, part);
    return SS_OK;
}

bool ss_cache_has(ss_cache *c, const char *key)
{
    XXH128_hash_t room;
    MDB_val k = key_of(key, &room), v;
    MDB_txn *txn;
    if (mdb_txn_begin(c->env, NULL, MDB_RDONLY, &txn)) return false;
    int rc = mdb_get(txn, c->dbi, &k, &v);
    mdb_txn_abort(txn);
    return rc == 0;
}

ss_status ss_cache_remove(ss_cache *c, const char *key, ss_error *err)
{
    XXH128_hash_t room;
    MDB_val k = key_of(key, &room);
    MDB_txn *txn;
    int rc = mdb_txn_begin(c->env, NULL, 0, &txn);
    if (!rc) {
        rc = mdb_del(txn, c->dbi, &k, NULL);
        if (rc && rc != MDB_NOTFOUND)
            mdb_txn_abort(txn);
        else
            rc = mdb_txn_commit(txn);
    }
    return rc ? fail(c, rc, "an entry could not be removed", err) : SS_OK;
}
