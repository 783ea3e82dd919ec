/* weights_walk.c — from the values of a pickle to named tensors, containers and notes. */
#include "weights_parts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 200, MAX_PATH = 1024, MAX_KEY = 512, MAX_NOTES = 200, NOTE_DEPTH = 3 };

typedef struct walker {
    ss_weights *w;
    size_t npath;
    char path[MAX_PATH];
    ss_error *err;
} walker;

static bool holds_values(const pk_value *v)
{
    return v->kind == PK_DICT || v->kind == PK_LIST || v->kind == PK_TUPLE;
}

/* Item i of a dict or list, and its name; lists count from 0 as in Python. */
static ss_status item(const walker *k, const pk_value *v, uint32_t i, char name[MAX_KEY + 1],
                      pk_value **out)
{
    const pk_value *key = v->kind == PK_DICT ? v->item[2 * i] : NULL;
    *out = v->kind == PK_DICT ? v->item[2 * i + 1] : v->item[i];
    if (!key) {
        snprintf(name, MAX_KEY, "%u", i);
    } else if (key->kind == PK_INT || key->kind == PK_BOOL) {
        snprintf(name, MAX_KEY, "%lld", (long long)key->i);
    } else if (key->kind != PK_TEXT) {
        snprintf(name, MAX_KEY, "?");
    } else {
        if (key->n > MAX_KEY)
            return ss_error_set(k->err, SS_E_FORMAT, "%s: a name of %u bytes, at most %d are read",
                                k->w->path, key->n, MAX_KEY);
        for (uint32_t c = 0; c < key->n; c++)
            if ((unsigned char)key->s[c] < 0x20 || key->s[c] == 0x7f)
                return ss_error_set(k->err, SS_E_FORMAT,
                                    "%s: a name with the control character %d in it", k->w->path,
                                    key->s[c]);
        memcpy(name, key->s, key->n);
        name[key->n] = 0;
    }
    return SS_OK;
}

static ss_status add_tensor(walker *k, const char *name, const pk_value *v)
{
    ss_weights *w = k->w;
    if (w->ntensor == W_MAX_TENSORS)
        return ss_error_set(k->err, SS_E_FORMAT, "%s: more than %d tensors", w->path,
                            W_MAX_TENSORS);
    w->tensor = w_more(w, w->tensor, w->ntensor, sizeof *w->tensor);
    char *copy = w_text(w, name, strlen(name));
    if (!w->tensor || !copy) return w_no_memory(w, k->err);
    w->tensor[w->ntensor++] = (ss_w_tensor){copy, (int)w->ncontainer - 1, v->t};
    w->container[w->ncontainer - 1].tensors++;
    return SS_OK;
}

static ss_status add_container(walker *k)
{
    ss_weights *w = k->w;
    w->container = w_more(w, w->container, w->ncontainer, sizeof *w->container);
    char *copy = w_text(w, k->path, k->npath);
    if (!w->container || !copy) return w_no_memory(w, k->err);
    w->container[w->ncontainer++] = (ss_w_container){copy, 0};
    return SS_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* No name twice among the tensors from `first` on. */
static ss_status check_twice(walker *k, size_t first)
{
    ss_weights *w = k->w;
    const size_t n = w->ntensor - first;
    const char **names = malloc((n + 1) * sizeof *names);
    ss_status s = SS_OK;
    if (!names) return w_no_memory(w, k->err);
    for (size_t i = 0; i < n; i++) names[i] = w->tensor[first + i].name;
    qsort(names, n, sizeof *names, by_name);
    for (size_t i = 1; i < n && !s; i++)
        if (!strcmp(names[i], names[i - 1]))
            s = ss_error_set(k->err, SS_E_FORMAT, "%s: tensor '%.200s' appears twice", w->path,
                             names[i]);
    free(names);
    return s;
}

static ss_status own_tensors(walker *k, const pk_value *v, uint32_t n)
{
    char name[MAX_KEY + 1];
    const size_t first = k->w->ntensor;
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        pk_value *child;
        ss_status s = item(k, v, i, name, &child);
        if (s) return s;
        if (child->kind != PK_TENSOR) continue;
        if (!any && (s = add_container(k))) return s;
        any = true;
        if ((s = add_tensor(k, name, child))) return s;
    }
    return any ? check_twice(k, first) : SS_OK;
}

static ss_status add_note(walker *k, const pk_value *v)
{
    char text[204];
    switch (v->kind) {
    case PK_INT:
        snprintf(text, sizeof text, "%lld", (long long)v->i);
        break;
    case PK_BOOL:
        snprintf(text, sizeof text, "%s", v->i ? "true" : "false");
        break;
    case PK_FLOAT:
        snprintf(text, sizeof text, "%.9g", v->f);
        break;
    case PK_TEXT:
        snprintf(text, sizeof text, "%.*s", v->n < 200 ? (int)v->n : 200, v->s);
        for (char *c = text; *c; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = ' ';
        break;
    default:
        return SS_OK;
    }
    if (k->w->nnote >= MAX_NOTES || k->npath >= MAX_PATH) return SS_OK;
    k->path[k->npath] = 0;
    return w_add_note(k->w, k->path, text, k->err);
}

static ss_status enter(walker *k, const char *name)
{
    const size_t n = strlen(name), dot = k->npath > 0;
    if (k->npath + dot + n >= MAX_PATH)
        return ss_error_set(k->err, SS_E_FORMAT, "%s: names are nested into more than %d bytes",
                            k->w->path, MAX_PATH);
    if (dot) k->path[k->npath] = '.';
    memcpy(k->path + k->npath + dot, name, n);
    k->npath += dot + n;
    return SS_OK;
}

/* Every dict and list is looked into once, however often it is referred to. */
static ss_status visit(walker *k, pk_value *v, int depth)
{
    char name[MAX_KEY + 1];
    const size_t before = k->npath;
    if (!holds_values(v)) return depth <= NOTE_DEPTH ? add_note(k, v) : SS_OK;
    if (v->seen) return SS_OK;
    v->seen = true;
    if (depth > MAX_DEPTH)
        return ss_error_set(k->err, SS_E_FORMAT, "%s: its values are nested deeper than %d",
                            k->w->path, MAX_DEPTH);
    const uint32_t n = v->kind == PK_DICT ? v->n / 2 : v->n;
    ss_status s = own_tensors(k, v, n);
    for (uint32_t i = 0; i < n && !s; i++) {
        pk_value *child;
        s = item(k, v, i, name, &child);
        if (s || child->kind == PK_TENSOR) continue;
        if (!holds_values(child) && (depth >= NOTE_DEPTH || v->kind != PK_DICT)) continue;
        s = enter(k, name);
        if (!s) s = visit(k, child, depth + 1);
        k->npath = before;
    }
    return s;
}

ss_status w_walk(ss_weights *w, pk_value *root, ss_error *err)
{
    walker k = {.w = w, .err = err};
    if (root->kind != PK_TENSOR) return visit(&k, root, 0);
    ss_status s = add_container(&k);
    return s ? s : add_tensor(&k, "tensor", root);
}
