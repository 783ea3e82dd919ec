/* pickle.c — the stack machine; see pickle.h. */
#include "pickle.h"
#include "pickle_parts.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_STACK = 1000000, MAX_OPS = 10000000 };

/* ---- the text ------------------------------------------------------------------------------ */

static ss_status take(ss_pickle *p, size_t n, const unsigned char **out)
{
    if (n > p->size - p->pos) return pk_fail(p, "the pickle is cut off");
    *out = p->text + p->pos;
    p->pos += n;
    return SS_OK;
}

/* A little-endian number of n bytes, at most 8. */
static ss_status number(ss_pickle *p, size_t n, uint64_t *out)
{
    const unsigned char *b = NULL;
    ss_status s = take(p, n, &b);
    *out = 0;
    for (size_t i = n; !s && i-- > 0;) *out = *out << 8 | b[i];
    return s;
}

static ss_status line(ss_pickle *p, const char **text, size_t *n)
{
    const unsigned char *from = p->text + p->pos;
    const unsigned char *end = memchr(from, '\n', p->size - p->pos);
    if (!end) return pk_fail(p, "the pickle is cut off");
    *text = (const char *)from;
    *n = (size_t)(end - from);
    p->pos += *n + 1;
    return SS_OK;
}

/* ---- the stack ------------------------------------------------------------------------------ */

static ss_status push(ss_pickle *p, pk_value *v)
{
    if (!v) return pk_no_memory(p);
    if (p->nstack >= MAX_STACK) return pk_fail(p, "more than %d values on the stack", MAX_STACK);
    if (!pk_grow(p, (void **)&p->stack, p->nstack, &p->stack_room, sizeof *p->stack))
        return pk_no_memory(p);
    p->stack[p->nstack++] = v;
    return SS_OK;
}

static ss_status pop(ss_pickle *p, pk_value **v)
{
    if (p->nstack == 0 || p->stack[p->nstack - 1]->kind == PK_MARK)
        return pk_fail(p, "a value is taken from an empty stack");
    *v = p->stack[--p->nstack];
    return SS_OK;
}

static ss_status top(ss_pickle *p, pk_value **v)
{
    ss_status s = pop(p, v);
    if (!s) p->nstack++;
    return s;
}

/* The values above the last MARK, which is removed with them; they stay readable until the next
 * push. */
static ss_status pop_mark(ss_pickle *p, pk_value ***first, size_t *n)
{
    size_t i = p->nstack;
    if (p->marks == 0) return pk_fail(p, "a MARK is missing");
    while (p->stack[i - 1]->kind != PK_MARK) i--;
    *first = p->stack + i;
    *n = p->nstack - i;
    p->nstack = i - 1;
    p->marks--;
    return SS_OK;
}

static ss_status push_int(ss_pickle *p, pk_kind kind, int64_t i)
{
    pk_value *v = pk_new(p, kind);
    if (v) v->i = i;
    return push(p, v);
}

static ss_status push_float(ss_pickle *p)
{
    const unsigned char *b = NULL;
    uint64_t bits = 0;
    ss_status s = take(p, 8, &b);
    if (s) return s;
    for (int i = 0; i < 8; i++) bits = bits << 8 | b[i]; /* this one is big-endian */
    pk_value *v = pk_new(p, PK_FLOAT);
    if (v) memcpy(&v->f, &bits, sizeof v->f);
    return push(p, v);
}

/* LONG: two's complement of any length. One that does not fit becomes opaque: seeds and the magic
 * number of old files are that long. */
static ss_status push_long(ss_pickle *p, size_t nbytes)
{
    const unsigned char *b = NULL;
    uint64_t n = 0;
    ss_status s = number(p, nbytes, &n);
    if (!s) s = take(p, n, &b);
    if (s) return s;
    if (n > 8) {
        pk_value *v = pk_new(p, PK_OPAQUE);
        if (!v) return pk_no_memory(p);
        v->s = (const char *)b;
        v->n = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
        return push(p, v);
    }
    uint64_t x = n && b[n - 1] & 0x80 ? ~(uint64_t)0 : 0;
    for (size_t i = n; i-- > 0;) x = x << 8 | b[i];
    return push_int(p, PK_INT, (int64_t)x);
}

static ss_status push_text(ss_pickle *p, pk_kind kind, size_t nbytes)
{
    const unsigned char *b = NULL;
    uint64_t n = 0;
    ss_status s = number(p, nbytes, &n);
    if (!s && n > UINT32_MAX) return pk_fail(p, "a text of more than 4 GiB");
    if (!s) s = take(p, n, &b);
    if (s) return s;
    pk_value *v = pk_new(p, kind);
    if (v) {
        v->s = (const char *)b;
        v->n = (uint32_t)n;
    }
    return push(p, v);
}

static ss_status push_tuple(ss_pickle *p, size_t n)
{
    pk_value *v = pk_new(p, PK_TUPLE), *ignored;
    if (!v) return pk_no_memory(p);
    for (size_t i = 0; i < n; i++) {
        ss_status s = p->nstack > i ? SS_OK : pop(p, &ignored);
        if (!s && p->stack[p->nstack - 1 - i]->kind == PK_MARK)
            s = pk_fail(p, "a value is taken from an empty stack");
        if (s) return s;
    }
    for (size_t i = 0; i < n; i++) {
        ss_status s = pk_append(p, v, p->stack[p->nstack - n + i]);
        if (s) return s;
    }
    p->nstack -= n;
    return push(p, v);
}

static ss_status push_marked(ss_pickle *p, pk_kind kind)
{
    pk_value **first = NULL;
    size_t n = 0;
    ss_status s = pop_mark(p, &first, &n);
    if (s) return s;
    if (kind == PK_DICT && n % 2) return pk_fail(p, "a dict of an odd number of values");
    pk_value *v = pk_new(p, kind);
    if (!v) return pk_no_memory(p);
    for (size_t i = 0; i < n && !s; i++) s = pk_append(p, v, first[i]);
    return s ? s : push(p, v);
}

/* ---- into containers --------------------------------------------------------------------------
 */

static ss_status add_items(ss_pickle *p, pk_kind kind, const char *op, pk_value **first, size_t n)
{
    pk_value *into = NULL;
    ss_status s = top(p, &into);
    if (s) return s;
    if (into->kind != kind)
        return pk_fail(p, "%s on something that is no %s", op, kind == PK_DICT ? "dict" : "list");
    if (kind == PK_DICT && n % 2) return pk_fail(p, "%s of an odd number of values", op);
    if (into->n > UINT32_MAX / 4 - n) return pk_no_memory(p);
    for (size_t i = 0; i < n && !s; i++) s = pk_append(p, into, first[i]);
    return s;
}

static ss_status add_marked(ss_pickle *p, pk_kind kind, const char *op)
{
    pk_value **first = NULL;
    size_t n = 0;
    ss_status s = pop_mark(p, &first, &n);
    return s ? s : add_items(p, kind, op, first, n);
}

static ss_status add_some(ss_pickle *p, pk_kind kind, const char *op, size_t n)
{
    pk_value *v[2] = {NULL};
    ss_status s = SS_OK;
    for (size_t i = n; i-- > 0 && !s;) s = pop(p, &v[i]);
    return s ? s : add_items(p, kind, op, v, n);
}

/* ---- the memo ---------------------------------------------------------------------------------
 */

static ss_status put(ss_pickle *p, uint64_t i)
{
    pk_value *v = NULL;
    ss_status s = top(p, &v);
    if (s) return s;
    if (i >= MAX_STACK) return pk_fail(p, "more than %d remembered values", MAX_STACK);
    while (p->nmemo <= i) {
        if (!pk_grow(p, (void **)&p->memo, p->nmemo, &p->memo_room, sizeof *p->memo))
            return pk_no_memory(p);
        p->memo[p->nmemo++] = NULL;
    }
    p->memo[i] = v;
    return SS_OK;
}

static ss_status get(ss_pickle *p, size_t nbytes)
{
    uint64_t i = 0;
    ss_status s = number(p, nbytes, &i);
    if (s) return s;
    if (i >= p->nmemo || !p->memo[i])
        return pk_fail(p, "value %llu was never remembered", (unsigned long long)i);
    return push(p, p->memo[i]);
}

static ss_status put_at(ss_pickle *p, size_t nbytes)
{
    uint64_t i = 0;
    ss_status s = number(p, nbytes, &i);
    return s ? s : put(p, i);
}

/* ---- names and calls
 * ----------------------------------------------------------------------------- */

static ss_status global_line(ss_pickle *p)
{
    const char *module = NULL, *name = NULL;
    size_t nmodule = 0, nname = 0;
    pk_value *v = NULL;
    ss_status s = line(p, &module, &nmodule);
    if (!s) s = line(p, &name, &nname);
    if (!s) s = pk_global(p, module, nmodule, name, nname, &v);
    return s ? s : push(p, v);
}

static ss_status global_stack(ss_pickle *p)
{
    pk_value *module = NULL, *name = NULL, *v = NULL;
    ss_status s = pop(p, &name);
    if (!s) s = pop(p, &module);
    if (s) return s;
    if (name->kind != PK_TEXT || module->kind != PK_TEXT)
        return pk_fail(p, "STACK_GLOBAL needs two texts");
    s = pk_global(p, module->s, module->n, name->s, name->n, &v);
    return s ? s : push(p, v);
}

static ss_status call(ss_pickle *p)
{
    pk_value *callable = NULL, *args = NULL, *v = NULL;
    ss_status s = pop(p, &args);
    if (!s) s = pop(p, &callable);
    if (s) return s;
    if (callable->kind != PK_NAME || args->kind != PK_TUPLE)
        return pk_fail(p, "a call of something that cannot be called");
    s = pk_call(p, callable, args, &v);
    return s ? s : push(p, v);
}

static ss_status build(ss_pickle *p)
{
    pk_value *state = NULL, *object = NULL;
    ss_status s = pop(p, &state);
    if (!s) s = top(p, &object);
    return s ? s : pk_build(p, object, state);
}

static ss_status persistent(ss_pickle *p)
{
    pk_value *id = NULL, *v = NULL;
    ss_status s = pop(p, &id);
    if (!s) s = pk_persistent(p, id, &v);
    return s ? s : push(p, v);
}

/* ---- opcodes
 * ---------------------------------------------------------------------------------------- */

static ss_status mark(ss_pickle *p)
{
    p->marks++;
    return push(p, pk_new(p, PK_MARK));
}

static ss_status discard(ss_pickle *p)
{
    pk_value *v = NULL;
    return pop(p, &v);
}

static ss_status discard_marked(ss_pickle *p)
{
    pk_value **first = NULL;
    size_t n = 0;
    return pop_mark(p, &first, &n);
}

static ss_status push_number(ss_pickle *p, size_t nbytes)
{
    uint64_t i = 0;
    ss_status s = number(p, nbytes, &i);
    return s ? s : push_int(p, PK_INT, nbytes == 4 ? (int32_t)(uint32_t)i : (int64_t)i);
}

/* PROTO and FRAME carry nothing that is needed, but must be true. */
static ss_status proto(ss_pickle *p)
{
    uint64_t n = 0;
    ss_status s = number(p, 1, &n);
    if (!s && (n < 2 || n > 5)) s = pk_fail(p, "protocol %d; 2 to 5 are read", (int)n);
    return s;
}

static ss_status frame(ss_pickle *p)
{
    uint64_t n = 0;
    ss_status s = number(p, 8, &n);
    if (!s && n > p->size - p->pos) s = pk_fail(p, "a frame that ends outside the pickle");
    return s;
}

static ss_status step(ss_pickle *p, int op)
{
    switch (op) {
    /* clang-format off */
    case 0x80: return proto(p);
    case 0x95: return frame(p);
    case '(': return mark(p);
    case '0': return discard(p);
    case '1': return discard_marked(p);
    case 'N': return push(p, pk_new(p, PK_NONE));
    case 0x88: return push_int(p, PK_BOOL, 1);
    case 0x89: return push_int(p, PK_BOOL, 0);
    case 'K': return push_number(p, 1);
    case 'M': return push_number(p, 2);
    case 'J': return push_number(p, 4);
    case 0x8a: return push_long(p, 1);
    case 0x8b: return push_long(p, 4);
    case 'G': return push_float(p);
    case 0x8c: case 'U': return push_text(p, PK_TEXT, 1);
    case 'X': case 'T': return push_text(p, PK_TEXT, 4);
    case 0x8d: return push_text(p, PK_TEXT, 8);
    case 'C': return push_text(p, PK_BYTES, 1);
    case 'B': return push_text(p, PK_BYTES, 4);
    case 0x8e: return push_text(p, PK_BYTES, 8);
    case ']': case 0x8f: return push(p, pk_new(p, PK_LIST)); /* sets are lists here */
    case '}': return push(p, pk_new(p, PK_DICT));
    case ')': return push_tuple(p, 0);
    case 0x85: return push_tuple(p, 1);
    case 0x86: return push_tuple(p, 2);
    case 0x87: return push_tuple(p, 3);
    case 't': return push_marked(p, PK_TUPLE);
    case 'l': case 0x91: return push_marked(p, PK_LIST);
    case 'd': return push_marked(p, PK_DICT);
    case 'a': return add_some(p, PK_LIST, "APPEND", 1);
    case 'e': return add_marked(p, PK_LIST, "APPENDS");
    case 0x90: return add_marked(p, PK_LIST, "ADDITEMS");
    case 's': return add_some(p, PK_DICT, "SETITEM", 2);
    case 'u': return add_marked(p, PK_DICT, "SETITEMS");
    case 'q': return put_at(p, 1);
    case 'r': return put_at(p, 4);
    case 0x94: return put(p, p->nmemo);
    case 'h': return get(p, 1);
    case 'j': return get(p, 4);
    case 'c': return global_line(p);
    case 0x93: return global_stack(p);
    case 'R': case 0x81: return call(p);
    case 'b': return build(p);
    case 'Q': return persistent(p);
    default: return pk_fail(p, "unknown operation 0x%02x", op);
        /* clang-format on */
    }
}

ss_status ss_pickle_load(ss_pickle *p, const char *text, size_t n, uint64_t at, pk_value **root,
                         size_t *used, ss_error *err)
{
    ss_status s = SS_OK;
    *root = NULL;
    p->text = (const unsigned char *)text;
    p->size = n;
    p->pos = p->op_at = p->nstack = p->nmemo = p->marks = 0;
    p->base = at;
    p->err = err;
    for (int ops = 0; !s; ops++) {
        p->op_at = p->pos;
        if (p->pos == n) return pk_fail(p, "the pickle ends without STOP");
        if (ops == MAX_OPS) return pk_fail(p, "more than %d operations", MAX_OPS);
        const int op = p->text[p->pos++];
        if (op == '.') break;
        s = step(p, op);
    }
    if (s) return s;
    if (p->nstack != 1 || p->marks) return pk_fail(p, "%zu values are left at STOP", p->nstack);
    *root = p->stack[0];
    *used = p->pos;
    return SS_OK;
}
