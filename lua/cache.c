/* cache.c — ss.cache.open(dir, {limit = bytes}) -> cache:get(key), :put(key, {name = tensor, ...}),
 * :has(key), :remove(key), :close(). A `meta` field is any string, e.g. JSON. */
#include "files.h"
#include "luacache.h"
#include <stdlib.h>
#include <string.h>

#define DEFAULT_LIMIT (64ull << 30)

ss_cache *ssL_checkcache(lua_State *L, int i)
{
    ss_cache **c = luaL_checkudata(L, i, SSL_CACHE);
    if (!*c) ssL_fail(L, "cache: was closed");
    return *c;
}

static int cache_open(lua_State *L)
{
    static const char *const known[] = {"limit", NULL};
    const char *dir = luaL_checkstring(L, 1);
    ss_error err;
    ssL_checkoptions(L, 2, "cache.open", known);
    uint64_t limit = DEFAULT_LIMIT;
    if (ssL_optfield(L, 2, "limit") != LUA_TNIL) {
        lua_Integer n = luaL_checkinteger(L, -1);
        if (n < 1 << 20)
            return ssL_fail(L, "cache.open: limit of %I bytes, expected at least 1 MiB", n);
        limit = (uint64_t)n;
    }
    ss_cache **c = lua_newuserdatauv(L, sizeof *c, 0);
    *c = NULL;
    luaL_setmetatable(L, SSL_CACHE);
    ssL_file_try(L, "cache.open", &err, ss_cache_open(c, dir, limit, &err));
    return 1;
}

static int cache_close(lua_State *L)
{
    ss_cache **c = luaL_checkudata(L, 1, SSL_CACHE);
    ss_cache_close(*c);
    *c = NULL;
    return 0;
}

static void free_block(void *p)
{
    free(*(void **)p);
}

/* get(key) — {name = tensor, ..., meta = string}, or nil. */
static int cache_get(lua_State *L)
{
    ss_cache *c = ssL_checkcache(L, 1);
    const char *key = luaL_checkstring(L, 2);
    ss_part part[SS_PARTS];
    ss_error err;
    int n;
    void **block = ssL_newguard(L, sizeof *block, free_block);
    ssL_file_try(L, "cache:get", &err, ss_cache_get(c, key, block, &n, part, &err));
    if (!*block) {
        lua_pushnil(L);
        return 1;
    }
    lua_newtable(L);
    for (int i = 0; i < n; i++) {
        const ss_view *v = &part[i].view;
        if (!strcmp(part[i].name, "meta"))
            lua_pushlstring(L, v->data, (size_t)v->count);
        else
            ssL_pushcopy(L, v->dtype, v->ndim, v->shape, v->data);
        lua_setfield(L, -2, part[i].name);
    }
    return 1;
}

/* The value on top of the stack as part `name`; its bytes stay alive in the table at `hold`. */
static void read_part(lua_State *L, const char *name, ss_part *p, int hold, int i)
{
    if (strlen(name) >= SS_PART_NAME) ssL_fail(L, "cache:put: the name '%s' is too long", name);
    memset(p, 0, sizeof *p);
    memcpy(p->name, name, strlen(name));
    if (!strcmp(name, "meta")) {
        size_t n;
        if (lua_type(L, -1) != LUA_TSTRING) ssL_fail(L, "cache:put: meta is a string");
        const char *s = lua_tolstring(L, -1, &n);
        p->view = (ss_view){.data = (void *)(uintptr_t)s,
                            .dtype = SS_U8,
                            .ndim = 1,
                            .shape = {(int64_t)n},
                            .stride = {1},
                            .count = (int64_t)n};
        lua_pushvalue(L, -1);
    } else {
        p->view = ssL_hostview(L, lua_gettop(L), "cache:put");
    }
    lua_seti(L, hold, i + 1);
}

/* put(key, {name = tensor, ..., meta = string}) — durable when it returns. */
static int cache_put(lua_State *L)
{
    ss_cache *c = ssL_checkcache(L, 1);
    const char *key = luaL_checkstring(L, 2);
    ss_part part[SS_PARTS];
    ss_error err;
    int n = 0;
    luaL_checktype(L, 3, LUA_TTABLE);
    lua_settop(L, 3);
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) ssL_fail(L, "cache:put: arrays are given by name");
        if (n == SS_PARTS) ssL_fail(L, "cache:put: more than %d arrays", SS_PARTS);
        read_part(L, lua_tostring(L, -2), &part[n], 4, n);
        n++;
    }
    ssL_file_try(L, "cache:put", &err, ss_cache_put(c, key, n, part, &err));
    return 0;
}

static int cache_has(lua_State *L)
{
    lua_pushboolean(L, ss_cache_has(ssL_checkcache(L, 1), luaL_checkstring(L, 2)));
    return 1;
}

static int cache_remove(lua_State *L)
{
    ss_error err;
    ssL_file_try(L, "cache:remove", &err,
                 ss_cache_remove(ssL_checkcache(L, 1), luaL_checkstring(L, 2), &err));
    return 0;
}

void ssL_open_cache(lua_State *L)
{
    static const luaL_Reg methods[] = {{"get", cache_get},     {"put", cache_put},
                                       {"has", cache_has},     {"remove", cache_remove},
                                       {"close", cache_close}, {NULL, NULL}};
    luaL_newmetatable(L, SSL_CACHE);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, cache_close);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, cache_close);
    lua_setfield(L, -2, "__close");
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushcfunction(L, cache_open);
    lua_setfield(L, -2, "open");
    lua_setfield(L, -2, "cache");
}
