/* pickle_call.c — what calls in a checkpoint's pickle make: tensors, dicts, inert records. */
#include "pickle_parts.h"
#include <string.h>

/* ---- tensors ----------------------------------------------------------------------------- */

static ss_status read_sizes(ss_pickle *p, const pk_value *v, int64_t *out, int *n)
{
    if (v->kind != PK_TUPLE && v->kind != PK_LIST)
        return pk_fail(p, "a tensor's shape is not a tuple");
    if (v->n > SS_MAX_DIM)
        return pk_fail(p, "a tensor of %u axes, at most %d are supported", v->n, SS_MAX_DIM);
    *n = (int)v->n;
    for (uint32_t k = 0; k < v->n; k++) {
        out[k] = v->item[k]->i;
        if (v->item[k]->kind != PK_INT || out[k] < 0)
            return pk_fail(p, "a tensor's sizes and strides must be whole and not negative");
    }
    return SS_OK;
}

/* The elements a tensor reaches must lie within its storage. */
static ss_status check_reach(ss_pickle *p, pk_tensor *t, int64_t numel)
{
    int64_t last = t->offset, step;
    t->count = 1;
    for (int k = 0; k < t->ndim; k++)
        if (t->shape[k] == 0) t->count = 0;
    for (int k = 0; k < t->ndim && t->count; k++) {
        if (__builtin_mul_overflow(t->count, t->shape[k], &t->count))
            return pk_fail(p, "the product of a tensor's sizes overflows");
        if (__builtin_mul_overflow(t->shape[k] - 1, t->stride[k], &step) ||
            __builtin_add_overflow(last, step, &last))
            return pk_fail(p, "a tensor's strides overflow");
    }
    if (t->offset < 0 || t->offset > numel || (t->count && last >= numel))
        return pk_fail(p, "a tensor reaches element %lld of a storage of %lld",
                       (long long)(t->offset < 0 ? t->offset : last), (long long)numel);
    return SS_OK;
}

static ss_status make_tensor(ss_pickle *p, const pk_value *args, pk_fn fn, pk_value **out)
{
    const pk_value *const *v = (const pk_value *const *)args->item;
    if (args->n < (fn == FN_TENSOR      ? 4u
                   : fn == FN_TENSOR_V2 ? 6u
                                        : 7u) ||
        args->n > 8 || v[0]->kind != PK_STORAGE || v[1]->kind != PK_INT)
        return pk_fail(p, "a tensor is rebuilt from something else than a storage and its shape");
    pk_tensor *t = ss_pickle_alloc(p, sizeof *t);
    *out = pk_new(p, PK_TENSOR);
    if (!t || !*out) return pk_no_memory(p);
    memset(t, 0, sizeof *t);
    (*out)->t = t;
    t->storage = v[0]->i;
    t->offset = v[1]->i;
    const pk_storage *st = ss_pickle_storage(p, (int)t->storage);
    int nstride = 0;
    ss_status s = read_sizes(p, v[2], t->shape, &t->ndim);
    if (!s) s = read_sizes(p, v[3], t->stride, &nstride);
    if (s) return s;
    if (nstride != t->ndim) return pk_fail(p, "a tensor's sizes and strides differ in number");
    t->type = st->type;
    int64_t numel = st->numel;
    if (fn == FN_TENSOR_V3) {
        if (v[6]->kind != PK_NAME || pk_name_at(v[6]->i)->fn != FN_DTYPE)
            return pk_fail(p, "a tensor's dtype is not one of torch");
        t->type = pk_name_at(v[6]->i)->type;
        const int64_t bytes = numel * (int64_t)ss_torch_type_bytes(st->type);
        numel = bytes / (int64_t)ss_torch_type_bytes(t->type);
    }
    return check_reach(p, t, numel);
}

/* ---- dicts and records --------------------------------------------------------------------- */

static ss_status make_dict(ss_pickle *p, const pk_value *args, pk_value **out)
{
    *out = pk_new(p, PK_DICT);
    if (!*out) return pk_no_memory(p);
    (*out)->fields = true;
    for (uint32_t i = 0; i < args->n;
         i++) { /* defaultdict(type), Counter(dict), OrderedDict(list) */
        const pk_value *a = args->item[i];
        if (a->kind == PK_NAME || a->kind == PK_NONE) continue;
        if (a->kind != PK_DICT && a->kind != PK_LIST)
            return pk_fail(p, "a dict is made of something that is no dict");
        for (uint32_t k = 0; k < a->n; k++) {
            const pk_value *pair = a->item[k];
            ss_status s = SS_OK;
            if (a->kind == PK_DICT)
                s = pk_append(p, *out, a->item[k]);
            else if ((pair->kind != PK_TUPLE && pair->kind != PK_LIST) || pair->n != 2)
                s = pk_fail(p, "a dict is made of something that is no list of pairs");
            else if (!(s = pk_append(p, *out, pair->item[0])))
                s = pk_append(p, *out, pair->item[1]);
            if (s) return s;
        }
    }
    return SS_OK;
}

static ss_status make_opaque(ss_pickle *p, pk_value **out)
{
    *out = pk_new(p, PK_OPAQUE);
    return *out ? SS_OK : pk_no_memory(p);
}

/* copyreg._reconstructor(class, object, None): an empty record of an allowed class. */
static ss_status reconstruct(ss_pickle *p, const pk_value *args, pk_value **out)
{
    if (args->n < 1 || args->item[0]->kind != PK_NAME)
        return pk_fail(p, "a record of something that is no class");
    const pk_fn fn = pk_name_at(args->item[0]->i)->fn;
    if (fn == FN_OPAQUE) return make_opaque(p, out);
    if (fn != FN_FIELDS && fn != FN_DICT)
        return pk_fail(p, "a record of class %s", pk_name_at(args->item[0]->i)->name);
    const pk_value none = {.kind = PK_TUPLE};
    return make_dict(p, &none, out);
}

/* torch._tensor._rebuild_from_type_v2(function, class, arguments, state): calls the function. One
 * level only: nothing saves it nested, and so the depth of C calls is fixed. */
static ss_status from_type(ss_pickle *p, const pk_value *args, pk_value **out)
{
    if (args->n < 3 || args->item[0]->kind != PK_NAME || args->item[2]->kind != PK_TUPLE)
        return pk_fail(p, "a tensor is rebuilt from something else than a function and arguments");
    const pk_fn fn = pk_name_at(args->item[0]->i)->fn;
    if (fn != FN_TENSOR && fn != FN_TENSOR_V2 && fn != FN_TENSOR_V3)
        return pk_fail(p, "a tensor is rebuilt by %s", pk_name_at(args->item[0]->i)->name);
    return make_tensor(p, args->item[2], fn, out);
}

ss_status pk_call(ss_pickle *p, const pk_value *callable, const pk_value *args, pk_value **out)
{
    const pk_name *f = pk_name_at(callable->i);
    switch (f->fn) {
    case FN_DICT:
    case FN_FIELDS:
        return make_dict(p, args, out);
    case FN_SEQUENCE:
        if (args->n == 1 && (args->item[0]->kind == PK_LIST || args->item[0]->kind == PK_TUPLE)) {
            *out = args->item[0];
            return SS_OK;
        }
        return pk_fail(p, "%s of something that is no list", f->name);
    case FN_TENSOR:
    case FN_TENSOR_V2:
    case FN_TENSOR_V3:
        return make_tensor(p, args, f->fn, out);
    case FN_PARAMETER:
        if (args->n < 2 || args->item[0]->kind != PK_TENSOR)
            return pk_fail(p, "a parameter that is no tensor");
        *out = args->item[0];
        return SS_OK;
    case FN_FROM_TYPE:
        return from_type(p, args, out);
    case FN_RECONSTRUCT:
        return reconstruct(p, args, out);
    case FN_ENCODE:
        if (args->n != 2 || args->item[0]->kind != PK_TEXT ||
            !ss_pickle_is(args->item[1], "latin1"))
            return pk_fail(p, "an encoding other than latin1");
        return make_opaque(p, out);
    case FN_OPAQUE:
        return make_opaque(p, out);
    case FN_NONE:
    case FN_STORAGE:
    case FN_DTYPE:
        break;
    }
    return pk_fail(p, "%s.%s is called; only tensors can be loaded", f->module, f->name);
}

/* Records take their fields. What an ordered dict or a tensor carries besides its contents
 * (_metadata, Python attributes) is not needed. */
ss_status pk_build(ss_pickle *p, pk_value *object, pk_value *state)
{
    if (object->kind == PK_OPAQUE || object->kind == PK_TENSOR) return SS_OK;
    if (object->kind != PK_DICT || !object->fields)
        return pk_fail(p, "BUILD on something that takes no state");
    if (object->n || state->kind != PK_DICT) return SS_OK;
    if (object == state) return pk_fail(p, "a record is its own state");
    for (uint32_t k = 0; k < state->n; k++) {
        ss_status s = pk_append(p, object, state->item[k]);
        if (s) return s;
    }
    return SS_OK;
}
