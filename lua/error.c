/* error.c — the one place where a status becomes a Lua error. */
#include "ssl.h"
#include <stdarg.h>
#include <string.h>

/* The first Lua frame outside the library: the line a user can change. A command has none: there
 * the sentence stands alone, and --trace tells the rest. */
static void push_where(lua_State *L)
{
    lua_Debug ar;
    for (int level = 0; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.currentline > 0 && strstr(ar.source, "lua/semisam/") == NULL) {
            lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
            return;
        }
    }
    lua_pushliteral(L, "");
}

int ssL_fail(lua_State *L, const char *fmt, ...)
{
    va_list ap;
    push_where(L);
    va_start(ap, fmt);
    lua_pushvfstring(L, fmt, ap);
    va_end(ap);
    lua_concat(L, 2);
    return lua_error(L);
}

static int oom_tostring(lua_State *L)
{
    lua_getfield(L, 1, "message");
    return 1;
}

/* Out of memory is the one error a recipe is expected to catch: a table with numbers. */
static int raise_oom(lua_State *L)
{
    ss_memory m;
    lua_newtable(L);
    push_where(L);
    lua_pushstring(L, ss_errmsg(ssL_ctx(L)));
    lua_concat(L, 2);
    lua_setfield(L, -2, "message");
    lua_pushliteral(L, "oom");
    lua_setfield(L, -2, "code");
    if (ss_memory_get(ssL_ctx(L), ssL_get(L)->device, &m) == SS_OK) {
        lua_pushinteger(L, (lua_Integer)m.used);
        lua_setfield(L, -2, "used");
        lua_pushinteger(L, (lua_Integer)m.peak);
        lua_setfield(L, -2, "peak");
        lua_pushinteger(L, (lua_Integer)m.budget);
        lua_setfield(L, -2, "budget");
    }
    lua_newtable(L);
    lua_pushcfunction(L, oom_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_setmetatable(L, -2);
    return lua_error(L);
}

int ssL_raise(lua_State *L, ss_status s)
{
    ssL_state *S = ssL_get(L);
    ss_error_set(&S->last, s, "%s", ss_errmsg(S->ctx));
    if (s == SS_E_NOMEM) return raise_oom(L);
    return ssL_fail(L, "%s", ss_errmsg(S->ctx));
}

int ssL_raise_error(lua_State *L, const ss_error *err)
{
    ssL_state *S = ssL_get(L);
    S->last = *err;
    if (err->status == SS_E_NOMEM) {
        ss_ctx_fail(S->ctx, err->status, "%s", err->msg);
        return raise_oom(L);
    }
    return ssL_fail(L, "%s", S->last.msg);
}
