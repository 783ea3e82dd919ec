/* versions.c — the libraries this program runs with. */
#include "system.h"
#include <cairo.h>
#include <cjson/cJSON.h>
#include <dnnl.h>
#include <lauxlib.h>
#include <lmdb.h>
#include <zlib.h>

static void add(lua_State *L, const char *name, const char *version)
{
    lua_createtable(L, 2, 0);
    lua_pushstring(L, name);
    lua_rawseti(L, -2, 1);
    lua_pushstring(L, version);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

int ssL_libraries(lua_State *L)
{
    lua_newtable(L);
    add(L, "lua", LUA_RELEASE);
    const dnnl_version_t *v = dnnl_version();
    lua_pushfstring(L, "%d.%d.%d", v->major, v->minor, v->patch);
    lua_insert(L, -2);
    add(L, "onednn", lua_tostring(L, -2));
    add(L, "cairo", cairo_version_string());
    add(L, "zlib", zlibVersion());
    int major, minor, patch;
    mdb_version(&major, &minor, &patch);
    lua_pushfstring(L, "%d.%d.%d", major, minor, patch);
    lua_insert(L, -2);
    add(L, "lmdb", lua_tostring(L, -2));
    add(L, "cjson", cJSON_Version());
    return 1;
}
