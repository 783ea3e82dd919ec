/* scope.c — handles that die with the call that made them, and recording switched off.
 *
 * Lua's collector sees a 1 GB tensor as a few bytes, so it never hurries. A scope releases, at its
 * end, every handle made inside that was neither returned nor kept. What the tape or a module holds
 * has references of its own and is not touched. */
#include "scope.h"
#include <string.h>

static const char scope_ended[] = "released when its scope ended; return it or keep() it";

/* ---- the list of a scope ------------------------------------------------------------- */

void ssL_scope_unlink(ssL_box *b)
{
    if (!b->scope) return;
    if (b->prev)
        b->prev->next = b->next;
    else
        b->scope->head = b->next;
    if (b->next) b->next->prev = b->prev;
    b->prev = b->next = NULL;
    b->scope = NULL;
}

static void link_to(ssL_scope *s, ssL_box *b)
{
    if (!s) return;
    b->scope = s;
    b->prev = NULL;
    b->next = s->head;
    if (s->head) s->head->prev = b;
    s->head = b;
}

ssL_box *ssL_newbox(lua_State *L)
{
    ssL_box *b = lua_newuserdatauv(L, sizeof *b, 0);
    memset(b, 0, sizeof *b);
    luaL_setmetatable(L, SSL_TENSOR);
    link_to(ssL_get(L)->scope, b);
    return b;
}

void ssL_scope_begin(ssL_state *S, ssL_scope *s)
{
    *s = (ssL_scope){.parent = S->scope, .open = true};
    S->scope = s;
}

void ssL_scope_end(ssL_state *S, ssL_scope *s)
{
    if (!s->open) return;
    s->open = false;
    while (S->scope && S->scope != s) ssL_scope_end(S, S->scope); /* inner ones left open */
    S->scope = s->parent;
    while (s->head) {
        ssL_box *b = s->head;
        ssL_scope_unlink(b);
        b->gone = scope_ended;
        ss_tensor_release(b->t);
        b->t = NULL;
    }
}

/* Moves the handles reachable from stack slot i to the scope outside `s`. */
static void move_out(lua_State *L, int i, ssL_scope *s, int depth)
{
    ssL_box *b = luaL_testudata(L, i, SSL_TENSOR);
    if (b) {
        if (b->scope == s) {
            ssL_scope_unlink(b);
            link_to(s->parent, b);
        }
        return;
    }
    if (lua_type(L, i) != LUA_TTABLE || depth > 8 || !lua_checkstack(L, 4)) return;
    if (lua_getmetatable(L, i)) { /* objects keep what they need by themselves */
        lua_pop(L, 1);
        return;
    }
    i = lua_absindex(L, i);
    for (lua_pushnil(L); lua_next(L, i); lua_pop(L, 1)) move_out(L, -1, s, depth + 1);
}

/* ---- Lua functions -------------------------------------------------------------------- */

int ssL_scoped_call(lua_State *L, int narg)
{
    ssL_state *S = ssL_get(L);
    ssL_scope s;
    int base = lua_gettop(L) - narg; /* where fn is and the results will be */
    ssL_scope_begin(S, &s);
    int rc = lua_pcall(L, narg, LUA_MULTRET, 0);
    if (rc == LUA_OK)
        for (int i = base; i <= lua_gettop(L); i++) move_out(L, i, &s, 0);
    ssL_scope_end(S, &s);
    return rc;
}

/* scoped(fn, ...) — fn(...), releasing what it made except what it returns. */
static int scoped(lua_State *L)
{
    luaL_checkany(L, 1);
    int rc = ssL_scoped_call(L, lua_gettop(L) - 1);
    return rc == LUA_OK ? lua_gettop(L) : lua_error(L);
}

static int scope_new(lua_State *L)
{
    ssL_scope *s = lua_newuserdatauv(L, sizeof *s, 0);
    memset(s, 0, sizeof *s);
    luaL_setmetatable(L, SSL_SCOPE);
    ssL_scope_begin(ssL_get(L), s);
    return 1;
}

static int scope_close(lua_State *L)
{
    ssL_scope_end(ssL_get(L), luaL_checkudata(L, 1, SSL_SCOPE));
    return 0;
}

/* keep(...) — the handles given outlive every scope; returns them. */
static int keep(lua_State *L)
{
    for (int i = 1; i <= lua_gettop(L); i++) {
        ssL_checktensor(L, i);
        ssL_scope_unlink(lua_touserdata(L, i));
    }
    return lua_gettop(L);
}

/* done(x) — what the innermost scope would release at its end, it releases now. Handles of scopes
 * outside and kept ones stay, so a function may say it of whatever it has used up. */
static int done(lua_State *L)
{
    ssL_checktensor(L, 1);
    ssL_box *b = lua_touserdata(L, 1);
    if (!b->scope || b->scope != ssL_get(L)->scope) return 0;
    ss_tensor *t = b->t;
    ssL_scope_unlink(b);
    b->gone = "released by done()";
    b->t = NULL;
    ss_tensor_release(t);
    return 0;
}

/* no_grad(fn, ...) — fn(...) with nothing recorded. */
static int no_grad(lua_State *L)
{
    luaL_checkany(L, 1);
    ss_no_grad(ssL_ctx(L), true);
    int rc = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    ss_no_grad(ssL_ctx(L), false);
    return rc == LUA_OK ? lua_gettop(L) : lua_error(L);
}

static int grad_enabled(lua_State *L)
{
    lua_pushboolean(L, ss_grad_enabled(ssL_ctx(L)));
    return 1;
}

void ssL_open_scope(lua_State *L)
{
    static const luaL_Reg functions[] = {{"scoped", scoped},
                                         {"scope", scope_new},
                                         {"keep", keep},
                                         {"done", done},
                                         {"no_grad", no_grad},
                                         {"grad_enabled", grad_enabled},
                                         {"checkpoint", ssL_checkpoint},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    luaL_newmetatable(L, SSL_SCOPE);
    lua_pushcfunction(L, scope_close);
    lua_setfield(L, -2, "__close");
    lua_pushcfunction(L, scope_close);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}
