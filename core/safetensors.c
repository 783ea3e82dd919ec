/* safetensors.c — the strict reader; see safetensors.h. The header is checked in two passes: text
 * that only this format may have, then cJSON and the meaning. */
#include "safetensors.h"
#include "file.h"
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { MAX_TENSORS = 100000, MAX_NESTING = 8, CHUNK = 1 << 20 };
#define MAX_HEADER 100000000ull

struct ss_st {
    int fd, count, nmeta;
    char *path;
    cJSON *root;
    ss_st_info *info;
    const cJSON *meta; /* first entry */
    uint64_t data_at, data_bytes;
};

static const size_t type_bytes[] = {
#define X(name, bytes) bytes,
    SS_ST_TYPE_MAP(X)
#undef X
};

const char *ss_st_type_name(ss_st_type t)
{
    static const char *const names[] = {
#define X(name, bytes) #name,
        SS_ST_TYPE_MAP(X)
#undef X
    };
    return t < SS_ST_TYPES ? names[t] : "?";
}

/* ---- the text ---------------------------------------------------------------------------- */

/* Length of the UTF-8 sequence at p, 0 if it is none. */
static size_t utf8(const unsigned char *p, size_t left)
{
    size_t n = p[0] < 0x80             ? 1
               : (p[0] & 0xe0) == 0xc0 ? 2
               : (p[0] & 0xf0) == 0xe0 ? 3
               : (p[0] & 0xf8) == 0xf0 ? 4
                                       : 0;
    if (n == 0 || n > left || (n == 2 && p[0] < 0xc2)) return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    return n;
}

/* What cJSON takes for n values and s strings must stay within the size of the file and a little:
 * a header of nothing but zeros would take 40 times its own size. */
static ss_status check_cost(const ss_st *st, uint64_t values, uint64_t strings, uint64_t n,
                            ss_error *err)
{
    enum { VALUE = 80, STRING = 32, SPARE = 3 << 20 };
    if (values * VALUE + strings * STRING <= st->data_bytes + n + SPARE) return SS_OK;
    return ss_error_set(err, SS_E_FORMAT, "%s: a header of %llu values for %llu bytes of data",
                        st->path, (unsigned long long)values, (unsigned long long)st->data_bytes);
}

/* Outside strings only { } [ ] , : digits and blanks: no floats, signs, words or comments. */
static ss_status check_text(const ss_st *st, const char *text, size_t n, ss_error *err)
{
    bool quoted = false;
    int depth = 0;
    uint64_t values = 0, strings = 0;
    if (n == 0 || text[0] != '{')
        return ss_error_set(err, SS_E_FORMAT, "%s: the header does not begin with '{'", st->path);
    for (size_t i = 0; i < n;) {
        size_t step = utf8((const unsigned char *)text + i, n - i);
        char c = text[i];
        if (step == 0 || c == 0)
            return ss_error_set(err, SS_E_FORMAT, "%s: header byte %zu is not UTF-8 text", st->path,
                                i);
        if (quoted) {
            if (c == '\\' && n - i > 5 && !strncmp(text + i, "\\u0000", 6))
                return ss_error_set(err, SS_E_FORMAT, "%s: header byte %zu is a zero in a text",
                                    st->path, i);
            if (c == '\\') step = 2;
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
            strings++;
        } else if (c == '{' || c == '[') {
            if (++depth > MAX_NESTING)
                return ss_error_set(err, SS_E_FORMAT, "%s: header nested deeper than %d", st->path,
                                    MAX_NESTING);
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (!strchr(",: \t\r\n0123456789", c)) {
            return ss_error_set(err, SS_E_FORMAT,
                                "%s: header byte %zu is '%c'; numbers must be whole "
                                "and not negative",
                                st->path, i, c);
        }
        values += c == ',' || c == '[' || c == '{';
        i += step;
    }
    return check_cost(st, values, strings, n, err);
}

/* ---- the meaning ---------------------------------------------------------------------------- */

static bool whole(const cJSON *v, uint64_t *out)
{
    if (!cJSON_IsNumber(v) || v->valuedouble < 0 || v->valuedouble > 9007199254740992.0)
        return false;
    *out = (uint64_t)v->valuedouble;
    return true;
}

static ss_status bad(const ss_st *st, const char *name, const char *what, ss_error *err)
{
    return ss_error_set(err, SS_E_FORMAT, "%s: tensor '%s': %s", st->path, name, what);
}

static ss_status read_shape(const ss_st *st, const cJSON *shape, ss_st_info *t, ss_error *err)
{
    int64_t count = 1;
    for (const cJSON *e = shape->child; e; e = e->next) {
        uint64_t n;
        if (t->ndim == SS_MAX_DIM) return bad(st, t->name, "more than 8 axes", err);
        if (!whole(e, &n)) return bad(st, t->name, "a size is not a whole number", err);
        t->shape[t->ndim++] = (int64_t)n;
        if (__builtin_mul_overflow(count, (int64_t)n, &count))
            return bad(st, t->name, "the product of its sizes overflows", err);
    }
    t->count = count;
    return SS_OK;
}

static ss_status read_entry(const ss_st *st, const cJSON *e, ss_st_info *t, ss_error *err)
{
    const cJSON *type = NULL, *shape = NULL, *at = NULL;
    t->name = e->string;
    if (!cJSON_IsObject(e)) return bad(st, t->name, "not an object", err);
    for (const cJSON *f = e->child; f; f = f->next) {
        const cJSON **slot = !strcmp(f->string, "dtype")          ? &type
                             : !strcmp(f->string, "shape")        ? &shape
                             : !strcmp(f->string, "data_offsets") ? &at
                                                                  : NULL;
        if (!slot) return bad(st, t->name, "an unknown field", err);
        if (*slot) return bad(st, t->name, "a field is given twice", err);
        *slot = f;
    }
    uint64_t begin, end, want;
    if (!cJSON_IsString(type) || !cJSON_IsArray(shape) || !cJSON_IsArray(at) ||
        cJSON_GetArraySize(at) != 2 || !whole(at->child, &begin) || !whole(at->child->next, &end))
        return bad(st, t->name, "dtype, shape or data_offsets is missing or malformed", err);
    t->type = 0;
    while (t->type < SS_ST_TYPES && strcmp(type->valuestring, ss_st_type_name(t->type))) t->type++;
    if (t->type == SS_ST_TYPES)
        return ss_error_set(err, SS_E_FORMAT, "%s: tensor '%s': unknown dtype '%.20s'", st->path,
                            t->name, type->valuestring);
    ss_status s = read_shape(st, shape, t, err);
    if (s) return s;
    if (__builtin_mul_overflow((uint64_t)t->count, (uint64_t)type_bytes[t->type], &want))
        return bad(st, t->name, "its size overflows", err);
    if (begin > end || end > st->data_bytes || end - begin != want)
        return ss_error_set(
            err, SS_E_FORMAT,
            "%s: tensor '%s': offsets %llu to %llu, expected %llu bytes within %llu", st->path,
            t->name, (unsigned long long)begin, (unsigned long long)end, (unsigned long long)want,
            (unsigned long long)st->data_bytes);
    t->begin = begin;
    t->bytes = want;
    return SS_OK;
}

static int by_place(const void *a, const void *b)
{
    const ss_st_info *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static ss_status check_names(const ss_st *st, ss_error *err)
{
    const char **names = malloc(((size_t)st->count + 1) * sizeof *names);
    ss_status s = SS_OK;
    if (!names) return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", st->path);
    for (int i = 0; i < st->count; i++) names[i] = st->info[i].name;
    qsort(names, (size_t)st->count, sizeof *names, by_text);
    for (int i = 1; i < st->count && !s; i++)
        if (!strcmp(names[i], names[i - 1])) s = bad(st, names[i], "the name appears twice", err);
    free(names);
    return s;
}

/* No holes, no overlaps, nothing behind the last tensor. */
static ss_status check_places(const ss_st *st, ss_error *err)
{
    uint64_t at = 0;
    for (int i = 0; i < st->count; i++) {
        if (st->info[i].begin != at)
            return bad(st, st->info[i].name,
                       st->info[i].begin < at ? "overlaps the tensor before it"
                                              : "leaves a hole before it",
                       err);
        at += st->info[i].bytes;
    }
    if (at != st->data_bytes)
        return ss_error_set(err, SS_E_FORMAT, "%s: %llu bytes of data, the tensors take %llu",
                            st->path, (unsigned long long)st->data_bytes, (unsigned long long)at);
    return SS_OK;
}

static ss_status check_keys(const ss_st *st, const cJSON *m, int n, ss_error *err)
{
    const char **keys = malloc(((size_t)n + 1) * sizeof *keys);
    ss_status s = SS_OK;
    if (!keys) return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", st->path);
    n = 0;
    for (const cJSON *e = m->child; e; e = e->next) keys[n++] = e->string;
    qsort(keys, (size_t)n, sizeof *keys, by_text);
    for (int i = 1; i < n && !s; i++)
        if (!strcmp(keys[i], keys[i - 1]))
            s = ss_error_set(err, SS_E_FORMAT, "%s: __metadata__ has '%.100s' twice", st->path,
                             keys[i]);
    free(keys);
    return s;
}

static ss_status check_meta(ss_st *st, const cJSON *m, ss_error *err)
{
    if (!cJSON_IsObject(m))
        return ss_error_set(err, SS_E_FORMAT, "%s: __metadata__ is not an object", st->path);
    if (st->meta) return ss_error_set(err, SS_E_FORMAT, "%s: __metadata__ appears twice", st->path);
    for (const cJSON *e = m->child; e; e = e->next, st->nmeta++)
        if (!cJSON_IsString(e))
            return ss_error_set(err, SS_E_FORMAT, "%s: __metadata__ entry '%s' is not a string",
                                st->path, e->string);
    st->meta = m->child;
    return check_keys(st, m, st->nmeta, err);
}

static ss_status read_header(ss_st *st, const char *text, size_t n, ss_error *err)
{
    ss_status s = check_text(st, text, n, err);
    if (s) return s;
    while (n && strchr(" \t\r\n", text[n - 1])) n--;
    const char *end = NULL;
    st->root = cJSON_ParseWithLengthOpts(text, n, &end, 0);
    if (!st->root || end != text + n)
        return ss_error_set(err, SS_E_FORMAT, "%s: the header is not JSON at byte %zu", st->path,
                            end ? (size_t)(end - text) : 0);
    int entries = cJSON_GetArraySize(st->root);
    if (entries > MAX_TENSORS)
        return ss_error_set(err, SS_E_FORMAT, "%s: %d tensors, at most %d", st->path, entries,
                            MAX_TENSORS);
    st->info = calloc((size_t)entries + 1, sizeof *st->info);
    if (!st->info) return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", st->path);
    for (const cJSON *e = st->root->child; e && !s; e = e->next) {
        if (!strcmp(e->string, "__metadata__"))
            s = check_meta(st, e, err);
        else
            s = read_entry(st, e, &st->info[st->count++], err);
    }
    if (s) return s;
    qsort(st->info, (size_t)st->count, sizeof *st->info, by_place);
    if ((s = check_names(st, err))) return s;
    return check_places(st, err);
}

ss_status ss_st_open(ss_st **out, const char *path, ss_error *err)
{
    uint64_t size = 0, header = 0;
    unsigned char head[8];
    *out = NULL;
    ss_st *st = calloc(1, sizeof *st);
    if (!st) return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", path);
    st->fd = -1;
    st->path = strdup(path);
    ss_status s = st->path ? ss_file_open(&st->fd, &size, path, err)
                           : ss_error_set(err, SS_E_NOMEM, "%s: out of memory", path);
    if (!s && size < 8)
        s = ss_error_set(err, SS_E_FORMAT, "%s: %llu bytes, a safetensors file has at least 8",
                         path, (unsigned long long)size);
    if (!s) s = ss_read_fully(st->fd, head, 8, 0, path, err);
    for (int i = 7; i >= 0 && !s; i--) header = header << 8 | head[i];
    if (!s && (header > MAX_HEADER || header > size - 8))
        s = ss_error_set(err, SS_E_FORMAT,
                         "%s: not a safetensors file: a header of %llu bytes is "
                         "claimed, the file has %llu",
                         path, (unsigned long long)header, (unsigned long long)size);
    char *text = s ? NULL : malloc(header + 1);
    if (!s && !text) s = ss_error_set(err, SS_E_NOMEM, "%s: out of memory", path);
    if (!s) s = ss_read_fully(st->fd, text, header, 8, path, err);
    if (!s) {
        text[header] = 0;
        st->data_at = 8 + header;
        st->data_bytes = size - st->data_at;
        s = read_header(st, text, header, err);
    }
    free(text);
    if (s)
        ss_st_close(st);
    else
        *out = st;
    return s;
}

void ss_st_close(ss_st *st)
{
    if (!st) return;
    if (st->fd >= 0) close(st->fd);
    cJSON_Delete(st->root);
    free(st->info);
    free(st->path);
    free(st);
}

int ss_st_count(const ss_st *st)
{
    return st->count;
}

const ss_st_info *ss_st_at(const ss_st *st, int i)
{
    return i >= 0 && i < st->count ? &st->info[i] : NULL;
}

uint64_t ss_st_data_at(const ss_st *st)
{
    return st->data_at;
}

bool ss_st_meta(const ss_st *st, int i, const char **key, const char **value)
{
    const cJSON *e = st->meta;
    while (e && i-- > 0) e = e->next;
    if (!e) return false;
    *key = e->string;
    *value = e->valuestring;
    return true;
}

ss_status ss_st_read(ss_st *st, int i, void *dst, ss_error *err)
{
    const ss_st_info *t = &st->info[i];
    return ss_read_fully(st->fd, dst, t->bytes, st->data_at + t->begin, st->path, err);
}

ss_status ss_st_verify(ss_st *st, ss_error *err)
{
    const char *key, *value, *want = NULL;
    for (int i = 0; ss_st_meta(st, i, &key, &value); i++)
        if (!strcmp(key, "xxh3")) want = value;
    if (!want) return SS_OK;
    XXH3_state_t *h = XXH3_createState();
    char *block = malloc(CHUNK), got[17];
    ss_status s = h && block ? SS_OK : ss_error_set(err, SS_E_NOMEM, "%s: out of memory", st->path);
    if (!s) XXH3_64bits_reset(h);
    for (uint64_t at = 0; at < st->data_bytes && !s;) {
        size_t n = st->data_bytes - at < CHUNK ? (size_t)(st->data_bytes - at) : CHUNK;
        s = ss_read_fully(st->fd, block, n, st->data_at + at, st->path, err);
        if (!s) XXH3_64bits_update(h, block, n);
        at += n;
    }
    if (!s) {
        snprintf(got, sizeof got, "%016llx", (unsigned long long)XXH3_64bits_digest(h));
        if (strcmp(got, want))
            s = ss_error_set(err, SS_E_FORMAT,
                             "%s: the data is damaged: its hash is %s, %.40s was "
                             "written",
                             st->path, got, want);
    }
    XXH3_freeState(h);
    free(block);
    return s;
}
