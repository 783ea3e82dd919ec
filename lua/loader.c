/* loader.c — jobs of op calls run by C threads, results in order.
 *
 *   local loader = ss.loader { workers = 2, cache = cache }         -- both optional
 *   loader:submit {
 *     input  = { image = tensor, label = { key = "case_1", part = "label" } },
 *     steps  = { { "flip", "image", { dims = { -2 } }, to = "image" },
 *                { "affine_sample", { "image", matrix }, { size = { 8, 8, 8 } } } },
 *     output = { "image", "label" },
 *   }
 *   local r = loader:next()          -- { image = tensor, label = tensor }
 *   loader:pending()  loader:waited()  loader:close()
 *
 * A step is {op, input or list of inputs, options, to = name}; inputs are names or tensors, `to`
 * defaults to the first name. Jobs hold their tensors until they are taken; workers only read. */
#include "loader.h"
#include "files.h"
#include "luacache.h"
#include "op.h"
#include <stdlib.h>
#include <string.h>

#define SSL_LOADER "semisam.loader"
enum { POLL_MS = 50, NAME = 32 };

typedef struct box {
    ss_loader *l;
} box;

/* A program while it is read: the names of its registers. Lives in a userdata. */
typedef struct build {
    ss_program *p;
    int nname;
    char name[SS_REGISTERS][NAME];
    int reg[SS_REGISTERS];
    int hold, nhold; /* stack slot of the table that keeps tensors alive */
} build;

static box *check(lua_State *L)
{
    box *b = luaL_checkudata(L, 1, SSL_LOADER);
    if (!b->l) ssL_fail(L, "loader: was closed");
    return b;
}

/* ---- making and closing ---------------------------------------------------------------- */

static int loader_new(lua_State *L)
{
    static const char *const known[] = {"workers", "cache", NULL};
    ss_error err;
    ss_cache *cache = NULL;
    ssL_checkoptions(L, 1, "loader", known);
    lua_settop(L, 1);
    int workers = 0;
    if (ssL_optfield(L, 1, "workers") != LUA_TNIL) workers = (int)luaL_checkinteger(L, -1);
    if (ssL_optfield(L, 1, "cache") != LUA_TNIL) cache = ssL_checkcache(L, -1);
    box *b = lua_newuserdatauv(L, sizeof *b, 2); /* 1: tensors of waiting jobs, 2: the cache */
    b->l = NULL;
    luaL_setmetatable(L, SSL_LOADER);
    lua_newtable(L);
    lua_setiuservalue(L, -2, 1);
    if (cache) {
        ssL_optfield(L, 1, "cache");
        lua_setiuservalue(L, -2, 2);
    }
    ssL_file_try(L, "loader", &err, ss_loader_new(&b->l, workers, cache, &err));
    return 1;
}

static int loader_close(lua_State *L)
{
    box *b = luaL_checkudata(L, 1, SSL_LOADER);
    ss_loader_free(b->l);
    b->l = NULL;
    return 0;
}

/* ---- reading a job ----------------------------------------------------------------------- */

static int find_name(const build *b, const char *name)
{
    for (int i = b->nname - 1; i >= 0; i--)
        if (!strcmp(b->name[i], name)) return b->reg[i];
    return -1;
}

static void set_name(lua_State *L, build *b, const char *name, int reg)
{
    if (strlen(name) >= NAME)
        ssL_fail(L, "loader: the name '%s' is longer than %d", name, NAME - 1);
    for (int i = 0; i < b->nname; i++)
        if (!strcmp(b->name[i], name)) {
            b->reg[i] = reg;
            return;
        }
    strcpy(b->name[b->nname], name);
    b->reg[b->nname++] = reg;
}

static int add_given(lua_State *L, build *b)
{
    const int most = SS_REGISTERS - SS_STEPS;
    if (b->p->ngiven == most) ssL_fail(L, "loader: more than %d tensors in one job", most);
    return b->p->ngiven++;
}

/* The tensor on top of the stack as a given register; a handle of ours keeps its bytes. */
static int give_tensor(lua_State *L, build *b)
{
    int reg = add_given(L, b);
    b->p->given[reg].view = ssL_hostview(L, lua_gettop(L), "loader");
    if (luaL_testudata(L, -1, SSL_TENSOR)) { /* the caller's handle may die with its scope */
        ssL_box *own = ssL_newbox(L);
        own->t = ss_tensor_retain(ssL_checktensor(L, -2));
        ssL_scope_unlink(own);
        lua_remove(L, -2);
    }
    lua_seti(L, b->hold, ++b->nhold);
    return reg;
}

static const char *text_field(lua_State *L, build *b, const char *field)
{
    if (lua_getfield(L, -1, field) != LUA_TSTRING)
        ssL_fail(L, "loader: an input is a tensor or {key = string, part = string}");
    const char *s = lua_tostring(L, -1);
    lua_seti(L, b->hold, ++b->nhold);
    return s;
}

static void read_inputs(lua_State *L, build *b)
{
    if (lua_getfield(L, 2, "input") != LUA_TTABLE) ssL_fail(L, "loader: 'input' expects a table");
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) ssL_fail(L, "loader: inputs are given by name");
        int reg;
        if (ssL_testtensor(L, -1)) {
            reg = give_tensor(L, b);
        } else {
            if (!lua_istable(L, -1))
                ssL_fail(L, "loader: input '%s' is a %s, expected a tensor or {key =, part =}",
                         lua_tostring(L, -2), luaL_typename(L, -1));
            reg = add_given(L, b);
            b->p->given[reg].key = text_field(L, b, "key");
            b->p->given[reg].part = text_field(L, b, "part");
        }
        set_name(L, b, lua_tostring(L, -2), reg);
    }
    lua_pop(L, 1);
}

/* Register of the step input on top of the stack: a name, or a tensor. */
static int step_input(lua_State *L, build *b, int step)
{
    if (lua_type(L, -1) == LUA_TSTRING) {
        int reg = find_name(b, lua_tostring(L, -1));
        if (reg < 0)
            ssL_fail(L, "loader: step %d reads '%s', which nothing made", step,
                     lua_tostring(L, -1));
        return reg;
    }
    if (!ssL_testtensor(L, -1))
        ssL_fail(L, "loader: step %d: an input is a name or a tensor, got %s", step,
                 luaL_typename(L, -1));
    return give_tensor(L, b);
}

static void read_step_inputs(lua_State *L, build *b, ss_step *st, int step, int slot)
{
    if (lua_geti(L, slot, 2) != LUA_TTABLE) {
        st->in[st->nin++] = step_input(L, b, step);
        lua_pop(L, 1);
    } else {
        lua_Integer n = luaL_len(L, -1);
        if (n > SS_STEP_IN) ssL_fail(L, "loader: step %d: more than %d inputs", step, SS_STEP_IN);
        for (int k = 0; k < (int)n; k++) {
            lua_geti(L, -1, k + 1);
            st->in[st->nin++] = step_input(L, b, step);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    const ss_opinfo *op = st->op;
    bool many = op->ntensor && op->param[op->ntensor - 1].variadic;
    for (; st->nin < op->ntensor; st->nin++) {
        if (!op->param[st->nin].optional)
            ssL_fail(L, "loader: step %d: %s: '%s' is missing (%s)", step, op->name,
                     op->param[st->nin].name, op->sig);
        st->in[st->nin] = -1;
    }
    if (st->nin > op->ntensor && !many)
        ssL_fail(L, "loader: step %d: %s takes %d tensors, got %d", step, op->name, op->ntensor,
                 st->nin);
}

/* The step on top of the stack. Given registers come first, so steps are numbered from the end of
 * what all steps give: their registers are negative until then. */
static void read_step(lua_State *L, build *b, int step)
{
    int slot = lua_gettop(L);
    ss_step *st = &b->p->step[b->p->nstep];
    if (!lua_istable(L, slot) || lua_geti(L, slot, 1) != LUA_TSTRING)
        ssL_fail(L, "loader: step %d: expected {op, input, options}", step);
    st->op = ss_op_find(lua_tostring(L, -1));
    if (!st->op) ssL_fail(L, "loader: step %d: no op '%s'", step, lua_tostring(L, -1));
    if (st->op->inplace || st->op->ntensor == 0)
        ssL_fail(L, "loader: step %d: %s does not fit a job", step, st->op->name);
    read_step_inputs(L, b, st, step, slot);
    lua_geti(L, slot, 3);
    ssL_readattrs(L, st->op, -1, st->attr);
    if (lua_getfield(L, slot, "to") != LUA_TSTRING) {
        lua_geti(L, slot, 2);
        if (lua_istable(L, -1)) lua_geti(L, -1, 1);
    }
    if (lua_type(L, -1) != LUA_TSTRING) ssL_fail(L, "loader: step %d: 'to' is missing", step);
    b->p->nstep++;
    set_name(L, b, lua_tostring(L, -1), 1000 + b->p->nstep - 1);
    lua_settop(L, slot);
}

static int final_reg(const build *b, int reg)
{
    return reg >= 1000 ? b->p->ngiven + reg - 1000 : reg;
}

static void read_steps(lua_State *L, build *b)
{
    if (lua_getfield(L, 2, "steps") == LUA_TTABLE) {
        lua_Integer n = luaL_len(L, -1);
        if (n > SS_STEPS) ssL_fail(L, "loader: %I steps, at most %d", n, SS_STEPS);
        for (int i = 1; i <= (int)n; i++) {
            lua_geti(L, -1, i);
            read_step(L, b, i);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
    for (int i = 0; i < b->p->nstep; i++)
        for (int k = 0; k < b->p->step[i].nin; k++)
            b->p->step[i].in[k] = final_reg(b, b->p->step[i].in[k]);
}

/* Result registers; the list of their names stays on the stack. */
static void read_outputs(lua_State *L, build *b)
{
    if (lua_getfield(L, 2, "output") != LUA_TTABLE)
        ssL_fail(L, "loader: 'output' expects a list of names");
    lua_Integer n = luaL_len(L, -1);
    if (n < 1 || n > SS_RESULTS) ssL_fail(L, "loader: %I outputs, expected 1 to %d", n, SS_RESULTS);
    for (int i = 0; i < (int)n; i++) {
        lua_geti(L, -1, i + 1);
        int reg = lua_type(L, -1) == LUA_TSTRING ? find_name(b, lua_tostring(L, -1)) : -1;
        if (reg < 0)
            ssL_fail(L, "loader: output %d: nothing made '%s'", i + 1, luaL_tolstring(L, -1, NULL));
        b->p->out[b->p->nout++] = final_reg(b, reg);
        lua_pop(L, 1);
    }
}

static void free_build(void *p)
{
    free(((build *)p)->p);
}

static int loader_submit(lua_State *L)
{
    static const char *const known[] = {"input", "steps", "output", NULL};
    box *lb = check(L);
    ss_error err;
    luaL_checktype(L, 2, LUA_TTABLE);
    ssL_checkoptions(L, 2, "loader:submit", known);
    lua_settop(L, 2);
    lua_newtable(L); /* 3: what the job holds */
    build *b = ssL_newguard(L, sizeof *b, free_build);
    if (!(b->p = calloc(1, sizeof *b->p))) return ssL_fail(L, "loader: out of memory");
    b->hold = 3;
    read_inputs(L, b);
    read_steps(L, b);
    read_outputs(L, b);
    lua_setfield(L, 3, "output");
    lua_getiuservalue(L, 1, 1);
    lua_pushvalue(L, 3);
    lua_seti(L, -2, luaL_len(L, -2) + 1);
    ss_program *p = b->p;
    b->p = NULL;
    ssL_file_try(L, "loader:submit", &err, ss_loader_submit(lb->l, p, NULL, &err));
    return 0;
}

/* ---- results ------------------------------------------------------------------------------ */

static void free_results(void *p)
{
    for (int i = 0; i < SS_RESULTS; i++) free(((ss_result *)p)[i].block);
}

static int loader_next(lua_State *L)
{
    box *b = check(L);
    ss_error err = {0};
    ss_result *r = ssL_newguard(L, sizeof *r * SS_RESULTS, free_results);
    bool done = false;
    int n = 0;
    ss_status s = SS_OK;
    while (!done && !s) {
        if (ss_ctx_cancelled(ssL_ctx(L))) return ssL_fail(L, "loader: interrupted");
        s = ss_loader_next(b->l, POLL_MS, &done, &n, r, &err);
    }
    if (!done) return ssL_file_error(L, "loader:next", &err);
    lua_getiuservalue(L, 1, 1); /* the oldest job's tensors have served */
    int held = lua_gettop(L);
    lua_geti(L, held, 1);
    lua_getfield(L, -1, "output");
    int names = lua_gettop(L);
    lua_Integer jobs = luaL_len(L, held);
    for (lua_Integer i = 1; i <= jobs; i++) lua_geti(L, held, i + 1), lua_seti(L, held, i);
    if (s) return ssL_file_error(L, "loader:next", &err);
    lua_newtable(L);
    for (int i = 0; i < n; i++) {
        const ss_view *v = &r[i].view;
        lua_geti(L, names, i + 1);
        ssL_pushcopy(L, v->dtype, v->ndim, v->shape, v->data);
        lua_settable(L, -3);
    }
    return 1;
}

static int loader_pending(lua_State *L)
{
    lua_pushinteger(L, ss_loader_pending(check(L)->l));
    return 1;
}

static int loader_waited(lua_State *L)
{
    lua_pushnumber(L, ss_loader_waited(check(L)->l));
    return 1;
}

void ssL_open_loader(lua_State *L)
{
    static const luaL_Reg methods[] = {{"submit", loader_submit},   {"next", loader_next},
                                       {"pending", loader_pending}, {"waited", loader_waited},
                                       {"close", loader_close},     {NULL, NULL}};
    luaL_newmetatable(L, SSL_LOADER);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, loader_close);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, loader_close);
    lua_setfield(L, -2, "__close");
    lua_pop(L, 1);
    lua_pushcfunction(L, loader_new);
    lua_setfield(L, -2, "loader");
}
