/* sig.c — see sig.h. Grammar: param {"," param}; param = name ["?"] ":" kind ["=" default]. */
#include "sig.h"
#include "op.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PARAM = 32, MAX_CHOICE = 16 };

static const char *skip(const char *s)
{
    while (isspace((unsigned char)*s)) s++;
    return s;
}

static char *copy_text(const char *a, const char *b)
{
    while (b > a && isspace((unsigned char)b[-1])) b--;
    char *t = malloc((size_t)(b - a) + 1);
    if (!t) return NULL;
    memcpy(t, a, (size_t)(b - a));
    t[b - a] = 0;
    return t;
}

static const struct {
    const char *word;
    ss_kind kind;
    ss_class cls;
} kinds[] = {
    {"any", SS_KIND_TENSOR, SS_CLASS_ANY},     {"tensor", SS_KIND_TENSOR, SS_CLASS_ANY},
    {"float", SS_KIND_TENSOR, SS_CLASS_FLOAT}, {"f32", SS_KIND_TENSOR, SS_CLASS_F32},
    {"index", SS_KIND_TENSOR, SS_CLASS_INDEX}, {"num", SS_KIND_TENSOR, SS_CLASS_NUM},
    {"integer", SS_KIND_TENSOR, SS_CLASS_INT}, {"number", SS_KIND_NUMBER, SS_CLASS_ANY},
    {"bool", SS_KIND_BOOL, SS_CLASS_ANY},      {"dim", SS_KIND_DIM, SS_CLASS_ANY},
    {"int2", SS_KIND_INT2, SS_CLASS_ANY},      {"int3", SS_KIND_INT3, SS_CLASS_ANY},
    {"ints", SS_KIND_INTS, SS_CLASS_ANY},      {"dims", SS_KIND_DIMS, SS_CLASS_ANY},
    {"shape", SS_KIND_SHAPE, SS_CLASS_ANY},    {"dtype", SS_KIND_DTYPE, SS_CLASS_ANY},
    {"int", SS_KIND_INT, SS_CLASS_ANY},
};

static bool parse_kind(const char *word, ss_param *p)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(word, kinds[i].word)) continue;
        p->kind = kinds[i].kind;
        p->cls = kinds[i].cls;
        return true;
    }
    return false;
}

/* "enum(a|b|c)": fills p->choice. */
static bool parse_enum(const char *s, ss_param *p, const char **end)
{
    const char **words = calloc(MAX_CHOICE, sizeof *words);
    if (!words) return false;
    int n = 0;
    while (n < MAX_CHOICE) {
        const char *a = skip(s), *b = a;
        while (*b && *b != '|' && *b != ')') b++;
        if (!*b || !(words[n++] = copy_text(a, b))) break;
        s = b + 1;
        if (*b == ')') {
            p->kind = SS_KIND_ENUM;
            p->choice = words;
            p->nchoice = n;
            *end = s;
            return true;
        }
    }
    free(words);
    return false;
}

static ss_status parse_one(const char **s, ss_param *p)
{
    const char *a = skip(*s), *b = a;
    while (isalnum((unsigned char)*b) || *b == '_') b++;
    if (b == a || !(p->name = copy_text(a, b))) return SS_E_FORMAT;
    if (*b == '?') {
        p->optional = true;
        b++;
    }
    b = skip(b);
    if (*b != ':') return SS_E_FORMAT;
    a = skip(b + 1);
    if (strncmp(a, "enum(", 5) == 0) {
        if (!parse_enum(a + 5, p, &b)) return SS_E_FORMAT;
    } else {
        b = a;
        while (isalnum((unsigned char)*b)) b++;
        char *word = copy_text(a, b);
        bool ok = word && parse_kind(word, p);
        free(word);
        if (!ok) return SS_E_FORMAT;
        if (strncmp(b, "...", 3) == 0) {
            p->variadic = true;
            b += 3;
        }
    }
    b = skip(b);
    if (*b == '=') {
        a = skip(b + 1);
        b = a;
        while (*b && *b != ',') b++;
        if (!(p->deflt = copy_text(a, b))) return SS_E_NOMEM;
        p->optional = true;
    }
    *s = skip(b);
    return SS_OK;
}

ss_status ss__sig_parse(const char *sig, ss_param **out, int *ntensor, int *nattr, const char **at)
{
    ss_param *p = calloc(MAX_PARAM, sizeof *p);
    *out = NULL;
    *ntensor = *nattr = 0;
    if (!p) return SS_E_NOMEM;
    const char *s = skip(sig);
    for (int n = 0; *s; n++) {
        *at = s;
        if (n == MAX_PARAM || parse_one(&s, &p[n])) return SS_E_FORMAT;
        if (p[n].kind != SS_KIND_TENSOR)
            ++*nattr;
        else if (*nattr == 0)
            ++*ntensor;
        else
            return SS_E_FORMAT; /* tensors come first */
        if (*s == ',')
            s = skip(s + 1);
        else if (*s)
            return SS_E_FORMAT;
    }
    *out = p;
    return SS_OK;
}

bool ss_attr_dim(int64_t user, int ndim, int64_t *out)
{
    *out = user > 0 ? user - 1 : ndim + user;
    return user != 0 && *out >= 0 && *out < ndim;
}

static bool default_number(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && *skip(end) == 0;
}

/* Lists in defaults are written {a b c}; a single number stands for a list of one. */
static int default_list(const char *text, int64_t *v)
{
    int n = 0;
    if (*text == '{') text++;
    for (char *end; n < SS_MAX_DIM; text = end) {
        int64_t x = strtoll(text, &end, 10);
        if (end == text) break;
        v[n++] = x;
    }
    return n;
}

ss_status ss_attr_default(const ss_param *p, int ndim, ss_attr *out)
{
    *out = (ss_attr){.n = -1};
    if (!p->deflt) return p->optional ? SS_OK : SS_E_ARG;
    out->n = 1;
    switch (p->kind) {
    case SS_KIND_NUMBER:
    case SS_KIND_INT:
        if (!default_number(p->deflt, &out->num)) return SS_E_FORMAT;
        out->v[0] = (int64_t)out->num;
        return SS_OK;
    case SS_KIND_BOOL:
        out->v[0] = strcmp(p->deflt, "true") == 0;
        out->num = (double)out->v[0];
        return SS_OK;
    case SS_KIND_DIM: {
        int64_t user = strtoll(p->deflt, NULL, 10);
        return ss_attr_dim(user, ndim, &out->v[0]) ? SS_OK : SS_E_ARG;
    }
    case SS_KIND_ENUM:
        for (int i = 0; i < p->nchoice; i++)
            if (strcmp(p->deflt, p->choice[i]) == 0) {
                out->v[0] = i;
                out->num = i;
                out->str = p->choice[i];
                return SS_OK;
            }
        return SS_E_FORMAT;
    case SS_KIND_DTYPE:
        for (int t = 0; t < SS_DTYPE_COUNT; t++)
            if (strcmp(p->deflt, ss_dtype_name((ss_dtype)t)) == 0) {
                out->v[0] = t;
                return SS_OK;
            }
        return SS_E_FORMAT;
    default:
        out->n = default_list(p->deflt, out->v);
        if (out->n == 1 && p->kind == SS_KIND_INT2) out->v[1] = out->v[0], out->n = 2;
        if (out->n == 1 && p->kind == SS_KIND_INT3) out->v[1] = out->v[2] = out->v[0], out->n = 3;
        return SS_OK;
    }
}
