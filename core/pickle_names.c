/* pickle_names.c — the names a checkpoint may use and what stands for them here. */
#include "pickle_parts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct torch_type {
    const char *name, *storage;
    size_t bytes;
} torch_type;

static const torch_type types[] = {
#define X(name, bytes, storage) {#name, storage, bytes},
    SS_TORCH_TYPE_MAP(X)
#undef X
};

const char *ss_torch_type_name(ss_torch_type t)
{
    return t < SS_TORCH_TYPES ? types[t].name : "?";
}

size_t ss_torch_type_bytes(ss_torch_type t)
{
    return types[t].bytes;
}

/* Storages and dtypes of torch are found by SS_TORCH_TYPE_MAP. */
static const pk_name names[] = {
    {"collections", "OrderedDict", FN_DICT, 0},
    {"collections", "defaultdict", FN_DICT, 0},
    {"collections", "Counter", FN_DICT, 0},
    {"pytorch_lightning.utilities.parsing", "AttributeDict", FN_DICT, 0},
    {"lightning_fabric.utilities.data", "AttributeDict", FN_DICT, 0},
    {"lightning.fabric.utilities.data", "AttributeDict", FN_DICT, 0},
    {"torch._utils", "_rebuild_tensor", FN_TENSOR, 0},
    {"torch._utils", "_rebuild_tensor_v2", FN_TENSOR_V2, 0},
    {"torch._utils", "_rebuild_tensor_v3", FN_TENSOR_V3, 0},
    {"torch._utils", "_rebuild_parameter", FN_PARAMETER, 0},
    {"torch._utils", "_rebuild_parameter_with_state", FN_PARAMETER, 0},
    {"torch._tensor", "_rebuild_from_type_v2", FN_FROM_TYPE, 0},
    {"torch._tensor", "_rebuild_from_type", FN_FROM_TYPE, 0},
    {"torch", "Tensor", FN_NONE, 0},
    {"torch.nn.parameter", "Parameter", FN_NONE, 0},
    {"torch.nn.parameter", "Buffer", FN_NONE, 0},
    {"torch", "Size", FN_SEQUENCE, 0},
    {"torch", "device", FN_OPAQUE, 0},
    {"torch.torch_version", "TorchVersion", FN_OPAQUE, 0},
    {"pathlib", "PosixPath", FN_OPAQUE, 0},
    {"pathlib", "PurePosixPath", FN_OPAQUE, 0},
    {"pathlib", "WindowsPath", FN_OPAQUE, 0},
    {"pathlib", "PureWindowsPath", FN_OPAQUE, 0},
    {"argparse", "Namespace", FN_FIELDS, 0},
    {"types", "SimpleNamespace", FN_FIELDS, 0},
    {"copy_reg", "_reconstructor", FN_RECONSTRUCT, 0},
    {"copyreg", "_reconstructor", FN_RECONSTRUCT, 0},
    {"_codecs", "encode", FN_ENCODE, 0},
    {"numpy", "dtype", FN_OPAQUE, 0},
    {"numpy", "ndarray", FN_NONE, 0},
    {"numpy.core.multiarray", "scalar", FN_OPAQUE, 0},
    {"numpy._core.multiarray", "scalar", FN_OPAQUE, 0},
    {"numpy.core.multiarray", "_reconstruct", FN_OPAQUE, 0},
    {"numpy._core.multiarray", "_reconstruct", FN_OPAQUE, 0},
#define BUILTIN(module)                                                                            \
    {module, "set", FN_SEQUENCE, 0}, {module, "frozenset", FN_SEQUENCE, 0},                        \
        {module, "object", FN_NONE, 0}, {module, "int", FN_NONE, 0}, {module, "long", FN_NONE, 0}, \
        {module, "float", FN_NONE, 0}, {module, "bool", FN_NONE, 0}, {module, "str", FN_NONE, 0},  \
        {module, "list", FN_NONE, 0}, {module, "tuple", FN_NONE, 0}, {module, "dict", FN_NONE, 0}, \
    {                                                                                              \
        module, "complex", FN_OPAQUE, 0                                                            \
    }
    BUILTIN("__builtin__"),
    BUILTIN("builtins"),
#define X(name, bytes, storage)                                                                    \
    {"torch", #name, FN_DTYPE, SS_TORCH_##name}, {"torch", storage, FN_STORAGE, SS_TORCH_##name},  \
        {"torch.cuda", storage, FN_STORAGE, SS_TORCH_##name},
    SS_TORCH_TYPE_MAP(X)
#undef X
        {"torch.storage", "UntypedStorage", FN_STORAGE, SS_TORCH_untyped},
};

const pk_name *pk_name_at(int64_t row)
{
    return &names[row];
}

static bool same(const char *a, const char *b, size_t n)
{
    return strlen(a) == n && memcmp(a, b, n) == 0;
}

static bool begins(const char *s, size_t n, const char *with)
{
    const size_t k = strlen(with);
    return n >= k && memcmp(s, with, k) == 0;
}

static ss_status refuse(ss_pickle *p, const char *module, size_t nmodule, const char *name,
                        size_t nname)
{
    char full[120];
    const int n = snprintf(full, sizeof full, "%.*s.%.*s", nmodule < 70 ? (int)nmodule : 70, module,
                           nname < 40 ? (int)nname : 40, name);
    for (int i = 0; i < n && i < (int)sizeof full; i++)
        if ((unsigned char)full[i] < 0x20 || (unsigned char)full[i] > 0x7e) full[i] = '?';
    const char *why = "only tensors can be loaded";
    if (begins(module, nmodule, "torch.nn.") || same("__main__", module, nmodule))
        why = "it was saved as a whole model, not as a state dict: save it again with "
              "torch.save(model.state_dict(), path)";
    else if (begins(module, nmodule, "__torch__"))
        why = "it is a compiled TorchScript model: save its state_dict() instead";
    return ss_error_set(p->err, SS_E_FORMAT, "%s: refused global %s at byte %llu; %s", p->path,
                        full, (unsigned long long)(p->base + p->op_at), why);
}

ss_status pk_global(ss_pickle *p, const char *module, size_t nmodule, const char *name,
                    size_t nname, pk_value **out)
{
    const size_t n = sizeof names / sizeof *names;
    size_t i = 0;
    while (i < n &&
           !(nname && same(names[i].name, name, nname) && same(names[i].module, module, nmodule)))
        i++;
    if (i == n) return refuse(p, module, nmodule, name, nname);
    *out = pk_new(p, PK_NAME);
    if (!*out) return pk_no_memory(p);
    (*out)->i = (int64_t)i;
    return SS_OK;
}

/* ---- storages -------------------------------------------------------------------------- */

static size_t hash(const char *s, size_t n)
{
    size_t h = 1469598103934665603u;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 1099511628211u;
    return h ^ h >> 29;
}

static uint32_t *find_slot(const ss_pickle *p, const char *key, size_t n)
{
    size_t i = hash(key, n) & (p->nslot - 1);
    while (p->slot[i] && !same(p->storage[p->slot[i] - 1].key, key, n))
        i = (i + 1) & (p->nslot - 1);
    return &p->slot[i];
}

int ss_pickle_find(const ss_pickle *p, const char *key, size_t n)
{
    return p->nslot ? (int)*find_slot(p, key, n) - 1 : -1;
}

int ss_pickle_storages(const ss_pickle *p)
{
    return (int)p->nstorage;
}

const pk_storage *ss_pickle_storage(const ss_pickle *p, int i)
{
    return i >= 0 && (size_t)i < p->nstorage ? &p->storage[i] : NULL;
}

static ss_status rehash(ss_pickle *p)
{
    const size_t want = p->nslot ? 2 * p->nslot : 64;
    if (want * sizeof *p->slot > p->limit - p->used) return pk_no_memory(p);
    uint32_t *slot = calloc(want, sizeof *slot);
    if (!slot) return pk_no_memory(p);
    p->used += (want - p->nslot) * sizeof *slot;
    free(p->slot);
    p->slot = slot;
    p->nslot = want;
    for (uint32_t i = 0; i < p->nstorage; i++)
        *find_slot(p, p->storage[i].key, strlen(p->storage[i].key)) = i + 1;
    return SS_OK;
}

static ss_status new_storage(ss_pickle *p, const pk_value *key, ss_torch_type type, int64_t numel)
{
    if (!pk_grow(p, (void **)&p->storage, p->nstorage, &p->storage_room, sizeof *p->storage))
        return pk_no_memory(p);
    char *copy = ss_pickle_alloc(p, (size_t)key->n + 1);
    if (!copy) return pk_no_memory(p);
    memcpy(copy, key->s, key->n);
    copy[key->n] = 0;
    p->storage[p->nstorage++] = (pk_storage){copy, type, numel};
    if (2 * p->nstorage >= p->nslot) return rehash(p);
    *find_slot(p, key->s, key->n) = (uint32_t)p->nstorage;
    return SS_OK;
}

ss_status pk_persistent(ss_pickle *p, const pk_value *id, pk_value **out)
{
    const pk_value *const *v = (const pk_value *const *)id->item;
    if (id->kind != PK_TUPLE || (id->n != 5 && id->n != 6) || !ss_pickle_is(v[0], "storage") ||
        v[1]->kind != PK_NAME || names[v[1]->i].fn != FN_STORAGE || v[2]->kind != PK_TEXT ||
        v[3]->kind != PK_TEXT || v[4]->kind != PK_INT)
        return pk_fail(p, "a persistent id that is not (storage, type, key, location, size)");
    if (id->n == 6 && v[5]->kind != PK_NONE)
        return pk_fail(p, "a storage that is a window of another; save the file again");
    const ss_torch_type type = names[v[1]->i].type;
    const int64_t numel = v[4]->i;
    if (numel < 0 || numel > INT64_MAX / 16)
        return pk_fail(p, "a storage of %lld elements", (long long)numel);
    if (v[2]->n > 255 || memchr(v[2]->s, 0, v[2]->n))
        return pk_fail(p, "a storage key that is no name");
    int i = ss_pickle_find(p, v[2]->s, v[2]->n);
    if (i < 0) {
        ss_status s = new_storage(p, v[2], type, numel);
        if (s) return s;
        i = (int)p->nstorage - 1;
    }
    if (p->storage[i].type != type || p->storage[i].numel != numel)
        return pk_fail(p, "storage '%s' is described twice, differently", p->storage[i].key);
    *out = pk_new(p, PK_STORAGE);
    if (!*out) return pk_no_memory(p);
    (*out)->i = i;
    return SS_OK;
}
