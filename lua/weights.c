/* weights.c — ss._weights_open(path): the checkpoint reader behind semisam.weights. */
#include "weights.h"
#include "files.h"
#include <stdlib.h>
#include <string.h>

#define SSL_WEIGHTS "semisam.weights"

typedef struct box {
    ss_weights *w;
} box;

static ss_weights *check(lua_State *L)
{
    const box *b = luaL_checkudata(L, 1, SSL_WEIGHTS);
    if (!b->w) ssL_fail(L, "weights: the file was closed");
    return b->w;
}

/* _weights_open(path, {crc = true}) — a handle; only what the file holds has been read. */
static int weights_open(lua_State *L)
{
    static const char *const known[] = {"crc", NULL};
    const char *path = luaL_checkstring(L, 1);
    ss_error err;
    ssL_checkoptions(L, 2, "weights", known);
    lua_settop(L, 2);
    const bool crc = ssL_optfield(L, 2, "crc") == LUA_TNIL || lua_toboolean(L, -1);
    box *b = lua_newuserdatauv(L, sizeof *b, 0);
    b->w = NULL;
    luaL_setmetatable(L, SSL_WEIGHTS);
    const ss_status s = ss_weights_open(&b->w, path, crc, &err);
    if (s) ssL_raise_error(L, &err);
    return 1;
}

static int weights_close(lua_State *L)
{
    box *b = luaL_checkudata(L, 1, SSL_WEIGHTS);
    ss_weights_close(b->w);
    b->w = NULL;
    return 0;
}

/* w:facts() — {format, bytes, containers = {{path, tensors}...}, notes = {{key, value}...}} */
static int weights_facts(lua_State *L)
{
    const ss_weights *w = check(L);
    lua_newtable(L);
    lua_pushstring(L, ss_weights_format(w)), lua_setfield(L, -2, "format");
    lua_pushinteger(L, (lua_Integer)ss_weights_bytes(w)), lua_setfield(L, -2, "bytes");
    lua_newtable(L);
    for (int i = 0; i < ss_weights_containers(w); i++) {
        const ss_w_container *c = ss_weights_container(w, i);
        lua_createtable(L, 0, 2);
        lua_pushstring(L, c->path), lua_setfield(L, -2, "path");
        lua_pushinteger(L, c->tensors), lua_setfield(L, -2, "tensors");
        lua_seti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "containers");
    lua_newtable(L);
    for (int i = 0; i < ss_weights_notes(w); i++) {
        const ss_w_note *n = ss_weights_note(w, i);
        lua_createtable(L, 0, 2);
        lua_pushstring(L, n->key), lua_setfield(L, -2, "key");
        lua_pushstring(L, n->value), lua_setfield(L, -2, "value");
        lua_seti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "notes");
    return 1;
}

/* w:list() — {{name, container (its number), dtype (of torch), shape, count, bytes}...} */
static int weights_list(lua_State *L)
{
    const ss_weights *w = check(L);
    const int n = ss_weights_count(w);
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        const ss_w_tensor *t = ss_weights_at(w, i);
        const pk_tensor *x = t->where;
        lua_createtable(L, 0, 6);
        lua_pushstring(L, t->name), lua_setfield(L, -2, "name");
        lua_pushinteger(L, t->container + 1), lua_setfield(L, -2, "container");
        lua_pushstring(L, ss_torch_type_name(x->type)), lua_setfield(L, -2, "dtype");
        lua_pushinteger(L, x->count), lua_setfield(L, -2, "count");
        const double bytes = (double)x->count * (double)ss_torch_type_bytes(x->type);
        lua_pushnumber(L, bytes), lua_setfield(L, -2, "bytes");
        lua_createtable(L, x->ndim, 0);
        for (int k = 0; k < x->ndim; k++) lua_pushinteger(L, x->shape[k]), lua_seti(L, -2, k + 1);
        lua_setfield(L, -2, "shape");
        lua_seti(L, -2, i + 1);
    }
    return 1;
}

/* w:tensor(i, {round = false, map = true}) — tensor i of list(). */
static int weights_tensor(lua_State *L)
{
    static const char *const known[] = {"round", "map", NULL};
    ss_weights *w = check(L);
    const lua_Integer i = luaL_checkinteger(L, 2);
    ss_error err;
    ssL_checkoptions(L, 3, "weights", known);
    lua_settop(L, 3);
    if (i < 1 || i > ss_weights_count(w)) ssL_fail(L, "weights: no tensor %I", (LUAI_UACINT)i);
    int flags = 0;
    if (ssL_optfield(L, 3, "round") != LUA_TNIL && lua_toboolean(L, -1)) flags |= SS_W_ROUND;
    if (ssL_optfield(L, 3, "map") != LUA_TNIL && !lua_toboolean(L, -1)) flags |= SS_W_COPY;
    ssL_box *b = ssL_newbox(L);
    const ss_status s = ss_weights_load(w, ssL_ctx(L), (int)i - 1, flags, &b->t, &err);
    if (s) ssL_raise_error(L, &err);
    return 1;
}

/* _adopt(x, from) — whether x took over the file's bytes that `from` is a window on. */
static int weights_adopt(lua_State *L)
{
    lua_pushboolean(L, ss_tensor_adopt(ssL_checktensor(L, 1), ssL_checktensor(L, 2)));
    return 1;
}

/* _rest(x) — the memory of a window on a file is given back until it is read again. */
static int weights_rest(lua_State *L)
{
    ss_tensor_rest(ssL_checktensor(L, 1));
    return 0;
}

void ssL_open_weights(lua_State *L)
{
    static const luaL_Reg methods[] = {{"facts", weights_facts},
                                       {"list", weights_list},
                                       {"tensor", weights_tensor},
                                       {"close", weights_close},
                                       {NULL, NULL}};
    static const luaL_Reg functions[] = {{"_weights_open", weights_open},
                                         {"_adopt", weights_adopt},
                                         {"_rest", weights_rest},
                                         {NULL, NULL}};
    luaL_newmetatable(L, SSL_WEIGHTS);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, weights_close), lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, weights_close), lua_setfield(L, -2, "__close");
    lua_pop(L, 1);
    luaL_setfuncs(L, functions, 0);
}
