/* safetensors.c — ss.safetensors_read(path), ss.safetensors_write(path, tensors, metadata). */
#include "safetensors.h"
#include "files.h"
#include "op.h"
#include <stdlib.h>
#include <string.h>

/* The element type a stored one becomes; those without a counterpart are widened. */
static ss_dtype dtype_of(ss_st_type t)
{
    static const ss_dtype to[SS_ST_TYPES] = {
        [SS_ST_F64] = SS_F32,  [SS_ST_F32] = SS_F32, [SS_ST_F16] = SS_F16, [SS_ST_BF16] = SS_BF16,
        [SS_ST_I64] = SS_I64,  [SS_ST_I32] = SS_I32, [SS_ST_I16] = SS_I32, [SS_ST_I8] = SS_I32,
        [SS_ST_U64] = SS_I64,  [SS_ST_U32] = SS_I64, [SS_ST_U16] = SS_I32, [SS_ST_U8] = SS_U8,
        [SS_ST_BOOL] = SS_BOOL};
    return to[t];
}

static void widen(void *dst, const void *src, ss_st_type t, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        switch (t) {
        case SS_ST_F64:
            ((float *)dst)[i] = (float)((const double *)src)[i];
            break;
        case SS_ST_I16:
            ((int32_t *)dst)[i] = ((const int16_t *)src)[i];
            break;
        case SS_ST_I8:
            ((int32_t *)dst)[i] = ((const int8_t *)src)[i];
            break;
        case SS_ST_U64:
            ((int64_t *)dst)[i] = (int64_t)((const uint64_t *)src)[i];
            break;
        case SS_ST_U32:
            ((int64_t *)dst)[i] = ((const uint32_t *)src)[i];
            break;
        case SS_ST_U16:
            ((int32_t *)dst)[i] = ((const uint16_t *)src)[i];
            break;
        default:
            break;
        }
    }
}

static bool as_stored(ss_st_type t)
{
    return t == SS_ST_F32 || t == SS_ST_F16 || t == SS_ST_BF16 || t == SS_ST_I64 ||
           t == SS_ST_I32 || t == SS_ST_U8 || t == SS_ST_BOOL;
}

static void close_file(void *p)
{
    ss_st_close(*(ss_st **)p);
}

/* Pushes tensor i of the file. */
static void push_one(lua_State *L, ss_st *st, int i)
{
    const ss_st_info *t = ss_st_at(st, i);
    ss_error err;
    ssL_box *b = ssL_newbox(L);
    ssL_try(L, ss_tensor_new(ssL_ctx(L), dtype_of(t->type), t->ndim, t->shape, "cpu", &b->t));
    void *dst = ss_tensor_view(b->t)->data;
    if (t->bytes == 0) return;
    if (as_stored(t->type)) {
        ssL_file_try(L, "safetensors_read", &err, ss_st_read(st, i, dst, &err));
        return;
    }
    void *raw = lua_newuserdatauv(L, t->bytes, 0);
    ssL_file_try(L, "safetensors_read", &err, ss_st_read(st, i, raw, &err));
    widen(dst, raw, t->type, t->count);
    lua_pop(L, 1);
}

static void push_info(lua_State *L, const ss_st_info *t)
{
    lua_newtable(L);
    lua_pushstring(L, t->name), lua_setfield(L, -2, "name");
    lua_pushstring(L, ss_st_type_name(t->type)), lua_setfield(L, -2, "dtype");
    lua_pushinteger(L, (lua_Integer)t->bytes), lua_setfield(L, -2, "bytes");
    lua_createtable(L, t->ndim, 0);
    for (int k = 0; k < t->ndim; k++) lua_pushinteger(L, t->shape[k]), lua_seti(L, -2, k + 1);
    lua_setfield(L, -2, "shape");
}

static void push_meta(lua_State *L, const ss_st *st)
{
    const char *key, *value;
    lua_newtable(L);
    for (int i = 0; ss_st_meta(st, i, &key, &value); i++)
        lua_pushstring(L, value), lua_setfield(L, -2, key);
}

/* safetensors_read(path, {info = true}) — {tensors = {name = tensor}, names, metadata}; with info
 * only the header is read: {info = {{name, dtype, shape, bytes}...}, metadata}. The data is held
 * against the hash that our writer leaves. */
static int st_read(lua_State *L)
{
    static const char *const known[] = {"info", NULL};
    const char *path = luaL_checkstring(L, 1);
    ss_error err;
    ssL_checkoptions(L, 2, "safetensors_read", known);
    lua_settop(L, 2);
    bool info = ssL_optfield(L, 2, "info") != LUA_TNIL && lua_toboolean(L, -1);
    ss_st **st = ssL_newguard(L, sizeof *st, close_file);
    ssL_file_try(L, "safetensors_read", &err, ss_st_open(st, path, &err));
    if (!info) ssL_file_try(L, "safetensors_read", &err, ss_st_verify(*st, &err));
    int n = ss_st_count(*st);
    lua_newtable(L);
    push_meta(L, *st);
    lua_setfield(L, -2, "metadata");
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        if (info)
            push_info(L, ss_st_at(*st, i));
        else
            lua_pushstring(L, ss_st_at(*st, i)->name);
        lua_seti(L, -2, i + 1);
    }
    lua_setfield(L, -2, info ? "info" : "names");
    if (info) return 1;
    lua_createtable(L, 0, n);
    for (int i = 0; i < n; i++) {
        push_one(L, *st, i);
        lua_setfield(L, -2, ss_st_at(*st, i)->name);
    }
    lua_setfield(L, -2, "tensors");
    return 1;
}

typedef struct bundle { /* what is being written; everything it points to is on the Lua stack */
    ss_st_item *item;
    ss_view *view;
    const char *(*meta)[2];
    int n, nmeta;
} bundle;

static ss_st_type stored_type(ss_dtype t)
{
    static const ss_st_type to[SS_DTYPE_COUNT] = {
        [SS_BOOL] = SS_ST_BOOL, [SS_U8] = SS_ST_U8,     [SS_I32] = SS_ST_I32, [SS_I64] = SS_ST_I64,
        [SS_F16] = SS_ST_F16,   [SS_BF16] = SS_ST_BF16, [SS_F32] = SS_ST_F32};
    return to[t];
}

static int count_pairs(lua_State *L, int t)
{
    int n = 0;
    for (lua_pushnil(L); lua_next(L, t); lua_pop(L, 1)) n++;
    return n;
}

static void gather_tensors(lua_State *L, bundle *b, int hold)
{
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            ssL_fail(L, "safetensors_write: tensors are given as {name = tensor}");
        const char *name = lua_tostring(L, -2);
        if (!ssL_testtensor(L, -1))
            ssL_fail(L, "safetensors_write: '%s' is a %s, not a live tensor", name,
                     luaL_typename(L, -1));
        b->view[b->n] = ssL_hostview(L, lua_gettop(L), "safetensors_write");
        lua_seti(L, hold, b->n + 1); /* keeps the bytes alive */
        const ss_view *v = &b->view[b->n];
        b->item[b->n++] = (ss_st_item){.name = name,
                                       .type = stored_type(v->dtype),
                                       .ndim = v->ndim,
                                       .shape = v->shape,
                                       .data = v->data};
    }
}

static int pair_order(const void *a, const void *b)
{
    return strcmp((*(const char *const(*)[2])a)[0], (*(const char *const(*)[2])b)[0]);
}

static void gather_meta(lua_State *L, bundle *b)
{
    if (!lua_istable(L, 3)) return;
    for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
            ssL_fail(L, "safetensors_write: metadata is {name = string}");
        if (!strcmp(lua_tostring(L, -2), "xxh3")) continue; /* written anew */
        b->meta[b->nmeta][0] = lua_tostring(L, -2);
        b->meta[b->nmeta++][1] = lua_tostring(L, -1);
    }
    qsort(b->meta, (size_t)b->nmeta, sizeof *b->meta, pair_order);
}

/* safetensors_write(path, {name = tensor}, {key = string}?) — atomic; equal tensors, equal bytes.
 */
static int st_write(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    ss_error err;
    luaL_checktype(L, 2, LUA_TTABLE);
    if (!lua_isnoneornil(L, 3)) luaL_checktype(L, 3, LUA_TTABLE);
    lua_settop(L, 3);
    size_t n = (size_t)count_pairs(L, 2), nmeta = lua_istable(L, 3) ? (size_t)count_pairs(L, 3) : 0;
    bundle b = {0};
    b.item = lua_newuserdatauv(L, (n + 1) * sizeof *b.item, 0);
    b.view = lua_newuserdatauv(L, (n + 1) * sizeof *b.view, 0);
    b.meta = lua_newuserdatauv(L, (nmeta + 1) * sizeof *b.meta, 0);
    lua_newtable(L);
    gather_tensors(L, &b, lua_gettop(L));
    gather_meta(L, &b);
    ssL_file_try(L, "safetensors_write", &err,
                 ss_st_write(path, b.n, b.item, b.nmeta, (const char *const(*)[2])b.meta, &err));
    return 0;
}

void ssL_open_safetensors(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"safetensors_read", st_read}, {"safetensors_write", st_write}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
