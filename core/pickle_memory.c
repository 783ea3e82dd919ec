/* pickle_memory.c — memory of the pickle reader, all within one limit, and its sentences. */
#include "pickle_parts.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1 << 16 };

ss_status pk_fail(ss_pickle *p, const char *fmt, ...)
{
    char what[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return ss_error_set(p->err, SS_E_FORMAT, "%s: pickle byte %llu: %s", p->path,
                        (unsigned long long)(p->base + p->op_at), what);
}

ss_status pk_no_memory(ss_pickle *p)
{
    return ss_error_set(p->err, SS_E_FORMAT,
                        "%s: pickle byte %llu: its objects take more than %llu bytes of memory",
                        p->path, (unsigned long long)(p->base + p->op_at),
                        (unsigned long long)p->limit);
}

void *ss_pickle_alloc(ss_pickle *p, size_t bytes)
{
    if (bytes > p->limit) return NULL;
    bytes = (bytes + 7) & ~(size_t)7;
    if (bytes > p->left) {
        const size_t want = bytes > BLOCK / 4 ? bytes : BLOCK;
        if (want + sizeof(pk_block) > p->limit - p->used) return NULL;
        pk_block *b = malloc(sizeof *b + want);
        if (!b) return NULL;
        p->used += want + sizeof *b;
        b->next = p->block;
        p->block = b;
        if (want - bytes <= p->left && p->left) return b->bytes; /* the old block has more room */
        p->room = (char *)b->bytes;
        p->left = want;
    }
    void *out = p->room;
    p->room += bytes;
    p->left -= bytes;
    return out;
}

pk_value *pk_new(ss_pickle *p, pk_kind kind)
{
    pk_value *v = ss_pickle_alloc(p, sizeof *v);
    if (v) *v = (pk_value){.kind = (uint8_t)kind};
    return v;
}

bool pk_grow(ss_pickle *p, void **array, size_t n, size_t *room, size_t bytes)
{
    if (n < *room) return true;
    const size_t want = *room ? 2 * *room : 256;
    if (want / 2 > p->limit / bytes || (want - *room) * bytes > p->limit - p->used) return false;
    void *more = realloc(*array, want * bytes);
    if (!more) return false;
    p->used += (want - *room) * bytes;
    *array = more;
    *room = want;
    return true;
}

ss_status pk_append(ss_pickle *p, pk_value *list, pk_value *item)
{
    const uint32_t n = list->n;
    if ((n & (n - 1)) == 0 && n != 1) { /* 0 or a power of 2: full */
        pk_value **more = ss_pickle_alloc(p, (n ? 2 * (size_t)n : 2) * sizeof *more);
        if (!more) return pk_no_memory(p);
        if (n) memcpy(more, list->item, n * sizeof *more);
        list->item = more;
    }
    list->item[list->n++] = item;
    return SS_OK;
}

bool ss_pickle_is(const pk_value *v, const char *text)
{
    return v->kind == PK_TEXT && v->n == strlen(text) && memcmp(v->s, text, v->n) == 0;
}

ss_status ss_pickle_new(ss_pickle **out, const char *path, uint64_t limit, ss_error *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out) return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", path);
    (*out)->path = path;
    (*out)->limit = limit;
    return SS_OK;
}

void ss_pickle_free(ss_pickle *p)
{
    if (!p) return;
    while (p->block) {
        pk_block *b = p->block;
        p->block = b->next;
        free(b);
    }
    free(p->stack);
    free(p->memo);
    free(p->storage);
    free(p->slot);
    free(p);
}
