/* files.c — the common ground of the file bindings, and their registration. */
#include "files.h"
#include "luacache.h"
#include <stdlib.h>
#include <string.h>

int ssL_file_error(lua_State *L, const char *fn, const ss_error *err)
{
    ss_error named;
    ss_error_set(&named, err->status, "%s: %s", fn, err->msg);
    return ssL_raise_error(L, &named);
}

void ssL_checkoptions(lua_State *L, int i, const char *fn, const char *const *known)
{
    if (lua_isnoneornil(L, i)) return;
    if (!lua_istable(L, i))
        ssL_fail(L, "%s: options: expected a table, got %s", fn, luaL_typename(L, i));
    for (lua_pushnil(L); lua_next(L, i); lua_pop(L, 1)) {
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "(not a name)";
        int k = 0;
        while (known[k] && strcmp(known[k], key)) k++;
        if (known[k]) continue;
        luaL_Buffer b;
        luaL_buffinit(L, &b);
        for (k = 0; known[k]; k++) {
            if (k) luaL_addstring(&b, ", ");
            luaL_addstring(&b, known[k]);
        }
        luaL_pushresult(&b);
        ssL_fail(L, "%s: unknown option '%s'; known: %s", fn, key, lua_tostring(L, -1));
    }
}

int ssL_optfield(lua_State *L, int i, const char *name)
{
    if (lua_istable(L, i)) return lua_getfield(L, i, name);
    lua_pushnil(L);
    return LUA_TNIL;
}

ss_view ssL_hostview(lua_State *L, int i, const char *fn)
{
    ss_tensor *t = ssL_checktensor(L, i);
    ss_view v = *ss_tensor_view(t);
    if (!strcmp(ss_tensor_device(t), "cpu") && ss_tensor_is_contiguous(t)) {
        lua_pushvalue(L, i);
        return v;
    }
    if (!strncmp(ss_tensor_device(t), "meta", 4))
        ssL_fail(L, "%s: a tensor on device %s has no values", fn, ss_tensor_device(t));
    const size_t bytes = ss_tensor_bytes(t);
    v.data = lua_newuserdatauv(L, bytes ? bytes : 1, 0);
    ssL_try(L, ss_tensor_read(t, v.data, bytes));
    int64_t stride = 1;
    for (int k = v.ndim - 1; k >= 0; k--) {
        v.stride[k] = stride;
        stride *= v.shape[k];
    }
    return v;
}

void ssL_pushcopy(lua_State *L, ss_dtype t, int ndim, const int64_t *shape, const void *data)
{
    ssL_box *box = ssL_newbox(L);
    ssL_try(L, ss_tensor_from(ssL_ctx(L), t, ndim, shape, "cpu", data, &box->t));
}

typedef struct guard {
    void (*release)(void *);
    max_align_t contents[];
} guard;

static int guard_gc(lua_State *L)
{
    guard *g = luaL_checkudata(L, 1, "semisam.guard");
    if (g->release) g->release(g->contents);
    g->release = NULL;
    return 0;
}

void *ssL_newguard(lua_State *L, size_t bytes, void (*release)(void *))
{
    guard *g = lua_newuserdatauv(L, sizeof *g + bytes, 0);
    memset(g, 0, sizeof *g + bytes);
    if (luaL_newmetatable(L, "semisam.guard")) {
        lua_pushcfunction(L, guard_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    g->release = release;
    return g->contents;
}

void ssL_open_files(lua_State *L)
{
    ssL_open_fs(L);
    ssL_open_nifti(L);
    ssL_open_json(L);
    ssL_open_safetensors(L);
    ssL_open_weights(L);
    ssL_open_cache(L);
    ssL_open_loader(L);
}
