/* checkpoint.c — checkpoint(fn, ...): fn(...) without keeping its activations; the backward pass
 * runs fn once more with recording on and goes back through that. */
#include "scope.h"
#include <stdlib.h>

enum { MAX_ARG = 32, MAX_RESULT = 4 };

/* A forward to be run again: a table in the registry holds fn and its arguments. */
typedef struct again {
    lua_State *L;
    int ref, narg;
} again;

static void again_free(void *ud)
{
    again *a = ud;
    luaL_unref(a->L, LUA_REGISTRYINDEX, a->ref);
    free(a);
}

/* Pushes fn and its arguments; tensors are detached and want gradients if the originals did. */
static void push_again(lua_State *L, const again *a, ss_tensor **leaf)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, a->ref);
    int list = lua_gettop(L);
    lua_rawgeti(L, list, 1);
    for (int i = 0; i < a->narg; i++) {
        lua_rawgeti(L, list, i + 2);
        ss_tensor *x = ssL_testtensor(L, -1);
        leaf[i] = NULL;
        if (!x) continue;
        ssL_box *b = ssL_newbox(L);
        ssL_try(L, ss_tensor_detach(x, &b->t));
        if (ss_tensor_requires_grad(x)) ss_tensor_set_requires_grad(b->t, true);
        leaf[i] = b->t;
        lua_remove(L, -2);
    }
    lua_remove(L, list);
}

typedef struct rerun {
    const again *a;
    int nout, nin;
    ss_tensor *const *dy;
    ss_tensor **dx;
} rerun;

static int rerun_protected(lua_State *L)
{
    rerun *r = lua_touserdata(L, 1);
    ss_tensor *leaf[MAX_ARG], *root[MAX_RESULT], *seed[MAX_RESULT];
    int base = lua_gettop(L), n = 0;
    push_again(L, r->a, leaf);
    if (ssL_scoped_call(L, r->a->narg)) lua_error(L);
    for (int k = 0; k < r->nout; k++) {
        if (!r->dy[k]) continue;
        root[n] = ssL_checktensor(L, base + 1 + k);
        seed[n++] = r->dy[k];
    }
    ssL_try(L, ss_backward(ssL_ctx(L), n, root, seed));
    for (int i = 0; i < r->nin && i < r->a->narg; i++) {
        ss_tensor *g = leaf[i] ? ss_tensor_grad(leaf[i]) : NULL;
        r->dx[i] = g ? ss_tensor_retain(g) : NULL;
    }
    return 0;
}

static ss_status again_backward(void *ud, int nout, ss_tensor *const *dy, int nin, ss_tensor **dx)
{
    again *a = ud;
    lua_State *L = a->L;
    ssL_state *S = ssL_get(L);
    ssL_scope s;
    rerun r = {.a = a, .nout = nout, .nin = nin, .dy = dy, .dx = dx};
    int depth = 0; /* the pass runs with recording off; the second forward needs it on */
    for (; !ss_grad_enabled(S->ctx); depth++) ss_no_grad(S->ctx, false);
    ssL_scope_begin(S, &s);
    lua_pushcfunction(L, rerun_protected);
    lua_pushlightuserdata(L, &r);
    int rc = lua_pcall(L, 1, 0, 0);
    ssL_scope_end(S, &s);
    while (depth-- > 0) ss_no_grad(S->ctx, true);
    if (rc == LUA_OK) return SS_OK;
    ss_status st = ss_ctx_fail(S->ctx, SS_E_STATE, "checkpoint: %s", luaL_tolstring(L, -1, NULL));
    lua_pop(L, 2);
    return st;
}

/* Pops nothing; pushes a table {fn, args...} whose tensor handles belong to no scope. */
static void push_args(lua_State *L, int narg)
{
    lua_createtable(L, narg + 1, 0);
    for (int i = 0; i <= narg; i++) {
        ss_tensor *x = ssL_testtensor(L, i + 1);
        if (x) {
            ssL_box *b = ssL_newbox(L);
            b->t = ss_tensor_retain(x);
            ssL_scope_unlink(b);
        } else {
            lua_pushvalue(L, i + 1);
        }
        lua_rawseti(L, -2, i + 1);
    }
}

/* Calls fn (stack 1) with its arguments unrecorded; results lie above `base`. */
static int forward(lua_State *L, int narg)
{
    lua_pushvalue(L, 1);
    for (int i = 0; i < narg; i++) lua_pushvalue(L, i + 2);
    ss_no_grad(ssL_ctx(L), true);
    int rc = ssL_scoped_call(L, narg);
    ss_no_grad(ssL_ctx(L), false);
    return rc;
}

int ssL_checkpoint(lua_State *L)
{
    ss_ctx *ctx = ssL_ctx(L);
    luaL_checkany(L, 1);
    int narg = lua_gettop(L) - 1, base = narg + 1, nout, rc;
    if (narg > MAX_ARG) return ssL_fail(L, "checkpoint: %d arguments, at most %d", narg, MAX_ARG);
    if (!ss_grad_enabled(ctx)) {
        lua_call(L, narg, LUA_MULTRET);
        return lua_gettop(L);
    }
    ss_tensor *in[MAX_ARG] = {0}, *out[MAX_RESULT];
    for (int i = 0; i < narg; i++) in[i] = ssL_testtensor(L, i + 2);
    push_args(L, narg);
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    again *a = malloc(sizeof *a);
    if (!a) return ssL_fail(L, "checkpoint: out of memory");
    *a = (again){.L = ssL_get(L)->L, .narg = narg, .ref = ref};
    rc = forward(L, narg);
    nout = lua_gettop(L) - base;
    bool tensors = rc == LUA_OK && nout >= 1 && nout <= MAX_RESULT;
    for (int k = 0; tensors && k < nout; k++)
        tensors = (out[k] = ssL_testtensor(L, base + 1 + k)) != NULL;
    if (!tensors) {
        again_free(a);
        if (rc != LUA_OK) return lua_error(L);
        return ssL_fail(L, "checkpoint: expected 1 to %d tensors from the function, got %d values",
                        MAX_RESULT, nout);
    }
    ss_custom c = {.backward = again_backward, .free_ud = again_free, .ud = a};
    ss_status s = ss_record_custom(ctx, narg, in, nout, out, &c);
    if (s) {
        again_free(a);
        return ssL_raise(L, s);
    }
    return nout;
}
