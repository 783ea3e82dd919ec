/* safetensors_write.c — the atomic writer; see safetensors.h. */
#include "file.h"
#include "safetensors.h"
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static size_t bytes_of(const ss_st_item *t)
{
    static const size_t size[] = {
#define X(name, bytes) bytes,
        SS_ST_TYPE_MAP(X)
#undef X
    };
    size_t n = size[t->type];
    for (int i = 0; i < t->ndim; i++) n *= (size_t)t->shape[i];
    return n;
}

static size_t element(ss_st_type t)
{
    ss_st_item one = {.type = t};
    return bytes_of(&one);
}

static int in_order(const void *a, const void *b)
{
    const ss_st_item *x = *(const ss_st_item *const *)a, *y = *(const ss_st_item *const *)b;
    size_t p = element(x->type), q = element(y->type);
    if (p != q) return p > q ? -1 : 1;
    return strcmp(x->name, y->name);
}

static bool add_meta(cJSON *root, int nmeta, const char *const (*meta)[2], const char *hash)
{
    cJSON *m = cJSON_AddObjectToObject(root, "__metadata__");
    bool ok = m != NULL;
    for (int i = 0; i < nmeta && ok; i++)
        ok = cJSON_AddStringToObject(m, meta[i][0], meta[i][1]) != NULL;
    return ok && cJSON_AddStringToObject(m, "xxh3", hash) != NULL;
}

static bool add_item(cJSON *root, const ss_st_item *t, uint64_t at)
{
    cJSON *e = cJSON_AddObjectToObject(root, t->name);
    if (!e || !cJSON_AddStringToObject(e, "dtype", ss_st_type_name(t->type))) return false;
    cJSON *shape = cJSON_AddArrayToObject(e, "shape");
    bool ok = shape != NULL;
    for (int i = 0; i < t->ndim && ok; i++)
        ok = cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)t->shape[i]));
    cJSON *offsets = cJSON_AddArrayToObject(e, "data_offsets");
    return ok && offsets && cJSON_AddItemToArray(offsets, cJSON_CreateNumber((double)at)) &&
           cJSON_AddItemToArray(offsets, cJSON_CreateNumber((double)(at + bytes_of(t))));
}

/* The header with its length before it, padded with blanks to 8 bytes; malloc'ed. */
static char *header_text(int n, const ss_st_item *const *item, int nmeta,
                         const char *const (*meta)[2], const char *hash, size_t *bytes)
{
    cJSON *root = cJSON_CreateObject();
    uint64_t at = 0;
    bool ok = root && add_meta(root, nmeta, meta, hash);
    for (int i = 0; i < n && ok; i++) {
        ok = add_item(root, item[i], at);
        at += bytes_of(item[i]);
    }
    char *json = ok ? cJSON_PrintUnformatted(root) : NULL, *out = NULL;
    cJSON_Delete(root);
    if (json) {
        size_t len = strlen(json), padded = (len + 7) / 8 * 8;
        out = malloc(8 + padded);
        if (out) {
            for (int i = 0; i < 8; i++) out[i] = (char)(padded >> (8 * i) & 255);
            memcpy(out + 8, json, len);
            memset(out + 8 + len, ' ', padded - len);
            *bytes = 8 + padded;
        }
    }
    cJSON_free(json);
    return out;
}

static bool hash_text(int n, const ss_st_item *const *item, char *text, size_t size)
{
    XXH3_state_t *h = XXH3_createState();
    if (!h) return false;
    XXH3_64bits_reset(h);
    for (int i = 0; i < n; i++)
        if (bytes_of(item[i])) XXH3_64bits_update(h, item[i]->data, bytes_of(item[i]));
    snprintf(text, size, "%016llx", (unsigned long long)XXH3_64bits_digest(h));
    XXH3_freeState(h);
    return true;
}

ss_status ss_st_write(const char *path, int n, const ss_st_item *item, int nmeta,
                      const char *const (*meta)[2], ss_error *err)
{
    const ss_st_item **order = malloc(((size_t)n + 1) * sizeof *order);
    char hash[17], *head = NULL;
    size_t head_bytes = 0, data = 0;
    ss_outfile *f = NULL;
    ss_status s = SS_OK;
    if (!order) return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", path);
    for (int i = 0; i < n; i++) {
        order[i] = &item[i];
        data += bytes_of(&item[i]);
    }
    qsort(order, (size_t)n, sizeof *order, in_order);
    for (int i = 1; i < n && !s; i++)
        if (!strcmp(order[i]->name, order[i - 1]->name))
            s = ss_error_set(err, SS_E_ARG, "%s: tensor '%s' is given twice", path, order[i]->name);
    if (!s && (!hash_text(n, order, hash, sizeof hash) ||
               !(head = header_text(n, order, nmeta, meta, hash, &head_bytes))))
        s = ss_error_set(err, SS_E_NOMEM, "%s: out of memory for the header", path);
    if (!s) s = ss_file_create(&f, path, head_bytes + data, err);
    if (!s) s = ss_file_put(f, head, head_bytes, err);
    for (int i = 0; i < n && !s; i++)
        if (bytes_of(order[i])) s = ss_file_put(f, order[i]->data, bytes_of(order[i]), err);
    if (!s)
        s = ss_file_commit(f, err);
    else
        ss_file_abort(f);
    free(head);
    free(order);
    return s;
}
