/* bind.c — one function binds every registered operation: the descriptor is its upvalue. */
#include "op.h"
#include "program.h"
#include "ssl.h"
#include <string.h>

enum { MAX_TENSOR = 64 };

/* Arguments of one call while they are being read. Tensors are borrowed from the Lua stack. */
typedef struct args {
    const ss_opinfo *op;
    int nin;
    ss_tensor *in[MAX_TENSOR];
    ss_attr attr[SS_MAX_ATTR];
    int options; /* stack slot of the options table; 0: none */
    int ndim;    /* axes of the first tensor, for dims */
    const char *device;
} args;

static int bad(lua_State *L, const args *a, const ss_param *p, int i, const char *expected)
{
    return ssL_fail(L, "%s: '%s' expects %s, got %s (%s)", a->op->name, p->name, expected,
                    luaL_typename(L, i), a->op->sig);
}

/* ---- attributes ------------------------------------------------------------------------- */

static int64_t whole(lua_State *L, const args *a, const ss_param *p, int i)
{
    int ok;
    lua_Integer v = lua_tointegerx(L, i, &ok);
    if (!ok || lua_type(L, i) != LUA_TNUMBER) bad(L, a, p, i, "a whole number");
    return v;
}

static int64_t read_dim(lua_State *L, const args *a, const ss_param *p, int i)
{
    int64_t user = whole(L, a, p, i), d;
    if (a->ndim < 0) return user; /* the rank is not known yet */
    if (!ss_attr_dim(user, a->ndim, &d))
        ssL_fail(L, "%s: '%s' = %I is not an axis of a tensor with %d axes", a->op->name, p->name,
                 (LUAI_UACINT)user, a->ndim);
    return d;
}

/* A list of whole numbers, or one number standing for a list of one. */
static void read_list(lua_State *L, const args *a, const ss_param *p, int i, ss_attr *out)
{
    bool dims = p->kind == SS_KIND_DIMS;
    if (lua_type(L, i) == LUA_TNUMBER) {
        out->n = 1;
        out->v[0] = dims ? read_dim(L, a, p, i) : whole(L, a, p, i);
        return;
    }
    if (lua_type(L, i) != LUA_TTABLE) bad(L, a, p, i, "a list of whole numbers");
    lua_Integer n = luaL_len(L, i);
    if (n > SS_MAX_DIM)
        ssL_fail(L, "%s: '%s' has %I entries, at most %d", a->op->name, p->name, n, SS_MAX_DIM);
    out->n = (int)n;
    for (int k = 0; k < out->n; k++) {
        lua_geti(L, i, k + 1);
        out->v[k] = dims ? read_dim(L, a, p, -1) : whole(L, a, p, -1);
        lua_pop(L, 1);
    }
}

static void read_fixed(lua_State *L, const args *a, const ss_param *p, int i, ss_attr *out, int n)
{
    read_list(L, a, p, i, out);
    if (out->n == 1)
        for (int k = 1; k < n; k++) out->v[k] = out->v[0];
    else if (out->n != n)
        ssL_fail(L, "%s: '%s' expects 1 or %d numbers, got %d", a->op->name, p->name, n, out->n);
    out->n = n;
}

static void read_enum(lua_State *L, const args *a, const ss_param *p, int i, ss_attr *out)
{
    if (lua_type(L, i) != LUA_TSTRING) bad(L, a, p, i, "a word");
    const char *word = lua_tostring(L, i);
    for (int k = 0; k < p->nchoice; k++) {
        if (strcmp(word, p->choice[k])) continue;
        out->v[0] = k;
        out->num = k;
        out->str = p->choice[k];
        return;
    }
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (int k = 0; k < p->nchoice; k++) {
        if (k) luaL_addstring(&b, ", ");
        luaL_addstring(&b, p->choice[k]);
    }
    luaL_pushresult(&b);
    ssL_fail(L, "%s: '%s' = \"%s\", expected one of %s", a->op->name, p->name, word,
             lua_tostring(L, -1));
}

static void read_attr(lua_State *L, const args *a, const ss_param *p, int i, ss_attr *out)
{
    i = lua_absindex(L, i);
    *out = (ss_attr){.n = 1};
    switch (p->kind) {
    case SS_KIND_NUMBER:
        if (lua_type(L, i) != LUA_TNUMBER) bad(L, a, p, i, "a number");
        out->num = lua_tonumber(L, i);
        break;
    case SS_KIND_INT:
        out->v[0] = whole(L, a, p, i);
        out->num = (double)out->v[0];
        break;
    case SS_KIND_BOOL:
        if (lua_type(L, i) != LUA_TBOOLEAN) bad(L, a, p, i, "true or false");
        out->v[0] = lua_toboolean(L, i);
        out->num = (double)out->v[0];
        break;
    case SS_KIND_DIM:
        out->v[0] = read_dim(L, a, p, i);
        break;
    case SS_KIND_INT2:
        read_fixed(L, a, p, i, out, 2);
        break;
    case SS_KIND_INT3:
        read_fixed(L, a, p, i, out, 3);
        break;
    case SS_KIND_INTS:
    case SS_KIND_DIMS:
    case SS_KIND_SHAPE:
        read_list(L, a, p, i, out);
        break;
    case SS_KIND_DTYPE:
        out->v[0] = ssL_checkdtype(L, i, p->name);
        break;
    case SS_KIND_ENUM:
        read_enum(L, a, p, i, out);
        break;
    case SS_KIND_TENSOR:
        break;
    }
}

/* ---- tensors ------------------------------------------------------------------------------ */

/* The tensor at slot i for parameter p; numbers become scalars (pushed, so that they live). */
static ss_tensor *read_tensor(lua_State *L, const args *a, const ss_param *p, int i)
{
    if (lua_isnoneornil(L, i)) {
        if (p->optional) return NULL;
        bad(L, a, p, i, "a tensor");
    }
    if (lua_type(L, i) == LUA_TNUMBER && !a->op->inplace)
        return ssL_pushscalar(L, i, p->cls == SS_CLASS_FLOAT || p->cls == SS_CLASS_F32, a->device);
    if (lua_type(L, i) == LUA_TNUMBER && p != a->op->param)
        return ssL_pushscalar(L, i, true, a->device);
    if (!luaL_testudata(L, i, SSL_TENSOR)) bad(L, a, p, i, "a tensor");
    return ssL_checktensor(L, i);
}

static bool is_options(lua_State *L, const ss_opinfo *op, int i)
{
    if (lua_type(L, i) != LUA_TTABLE || lua_rawlen(L, i) > 0) return false;
    lua_pushnil(L);
    if (lua_next(L, i)) {
        lua_pop(L, 2);
        return true;
    }
    int k = i - 1; /* {} where a list is expected is an empty list */
    if (k >= op->ntensor + op->nattr) return true;
    ss_kind kind = op->param[k].kind;
    return kind != SS_KIND_INTS && kind != SS_KIND_DIMS && kind != SS_KIND_SHAPE;
}

/* Device of the first tensor among the arguments, for scalars given as numbers. */
static void find_device(lua_State *L, args *a, int top)
{
    a->device = NULL;
    for (int i = 1; i <= top; i++) {
        ss_tensor *x = ssL_testtensor(L, i);
        if (!x) continue;
        a->device = ss_tensor_device(x);
        a->ndim = ss_tensor_view(x)->ndim;
        return;
    }
    a->device = ssL_get(L)->device;
    if (a->options && lua_getfield(L, a->options, "device") == LUA_TSTRING)
        a->device = lua_tostring(L, -1); /* stays on the stack until the call is over */
}

/* Options by name: every key must be a parameter not given already. */
static void read_options(lua_State *L, args *a, bool *given)
{
    if (!a->options) return;
    for (lua_pushnil(L); lua_next(L, a->options); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            ssL_fail(L, "%s: options are given by name", a->op->name);
        const char *key = lua_tostring(L, -2);
        int k = 0, n = a->op->ntensor + a->op->nattr;
        while (k < n && strcmp(key, a->op->param[k].name)) k++;
        if (k == n) {
            if (a->op->ntensor == 0 && strcmp(key, "device") == 0) continue;
            ssL_fail(L, "%s: unknown option '%s' (%s)", a->op->name, key, a->op->sig);
        }
        if (given[k]) ssL_fail(L, "%s: '%s' is given twice", a->op->name, key);
        given[k] = true;
        const ss_param *p = &a->op->param[k];
        if (k >= a->op->ntensor) {
            read_attr(L, a, p, -1, &a->attr[k - a->op->ntensor]);
        } else {
            if (lua_type(L, -1) == LUA_TNUMBER)
                ssL_fail(L, "%s: '%s' expects a tensor when given by name", a->op->name, key);
            a->in[k] = read_tensor(L, a, p, -1); /* alive: the options table holds it */
            if (a->nin <= k) a->nin = k + 1;
        }
    }
}

/* All tensors of a variadic parameter: a list at slot 1, or slots 1, 2, ... */
static int read_variadic(lua_State *L, args *a, int top)
{
    if (lua_type(L, 1) == LUA_TTABLE && lua_rawlen(L, 1) > 0) {
        int n = (int)lua_rawlen(L, 1);
        if (n > MAX_TENSOR) ssL_fail(L, "%s: %d tensors, at most %d", a->op->name, n, MAX_TENSOR);
        for (int k = 0; k < n; k++) {
            lua_geti(L, 1, k + 1);
            a->in[k] = ssL_checktensor(L, -1);
            lua_pop(L, 1); /* alive: the list holds it */
        }
        a->nin = n;
        a->ndim = ss_tensor_view(a->in[0])->ndim;
        return 2;
    }
    int i = 1;
    for (; i <= top && i <= MAX_TENSOR && ssL_testtensor(L, i); i++)
        a->in[i - 1] = ssL_testtensor(L, i);
    a->nin = i - 1;
    if (a->nin == 0) bad(L, a, &a->op->param[0], 1, "tensors");
    return i;
}

static void read_args(lua_State *L, args *a, int top)
{
    const ss_opinfo *op = a->op;
    bool given[SS_MAX_ATTR + 16] = {false};
    int i = 1, k = 0;
    if (top && is_options(L, op, top)) a->options = top--;
    find_device(L, a, top);
    if (op->ntensor && op->param[op->ntensor - 1].variadic) {
        i = read_variadic(L, a, top);
        given[0] = true;
        k = 1;
    }
    for (; i <= top; i++, k++) {
        if (k >= op->ntensor + op->nattr)
            ssL_fail(L, "%s: %d arguments, at most %d (%s)", op->name, top, op->ntensor + op->nattr,
                     op->sig);
        const ss_param *p = &op->param[k];
        if (k < op->ntensor) {
            a->in[k] = read_tensor(L, a, p, i);
            a->nin = k + 1;
            given[k] = a->in[k] != NULL;
        } else if (!lua_isnil(L, i)) {
            read_attr(L, a, p, i, &a->attr[k - op->ntensor]);
            given[k] = true;
        }
    }
    read_options(L, a, given);
    for (k = op->ntensor; k < op->ntensor + op->nattr; k++) {
        const ss_param *p = &op->param[k];
        if (given[k]) continue;
        if (ss_attr_default(p, a->ndim, &a->attr[k - op->ntensor]))
            ssL_fail(L,
                     "%s: argument '%s' is missing or its default does not fit a tensor with %d "
                     "axes (%s)",
                     op->name, p->name, a->ndim, op->sig);
    }
}

void ssL_readattrs(lua_State *L, const ss_opinfo *op, int i, ss_attr *attr)
{
    args a = {.op = op, .ndim = -1};
    for (int k = 0; k < op->nattr; k++) attr[k] = (ss_attr){.n = SS_ATTR_ABSENT};
    if (lua_isnoneornil(L, i)) return;
    if (lua_type(L, i) != LUA_TTABLE)
        ssL_fail(L, "%s: options: expected a table, got %s", op->name, luaL_typename(L, i));
    i = lua_absindex(L, i);
    for (lua_pushnil(L); lua_next(L, i); lua_pop(L, 1)) {
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
        int k = op->ntensor;
        while (k < op->ntensor + op->nattr && strcmp(key, op->param[k].name)) k++;
        if (k == op->ntensor + op->nattr)
            ssL_fail(L, "%s: unknown option '%s' (%s)", op->name, key, op->sig);
        read_attr(L, &a, &op->param[k], -1, &attr[k - op->ntensor]);
    }
}

/* Upvalue 1: the ss_opinfo. Returns the visible results; an in-place op returns its receiver. */
static int call(lua_State *L)
{
    args a = {.op = lua_touserdata(L, lua_upvalueindex(1))};
    int top = lua_gettop(L);
    luaL_checkstack(L, MAX_TENSOR + 16, a.op->name);
    read_args(L, &a, top);
    ssL_box *box[SS_MAX_OUT];
    ss_tensor *out[SS_MAX_OUT];
    for (int k = 0; k < a.op->nout; k++) box[k] = ssL_newbox(L);
    ssL_try(L,
            ss_run(ssL_ctx(L), a.op, a.nin, a.in, a.op->nattr, a.attr, a.device, a.op->nout, out));
    for (int k = 0; k < a.op->nout; k++) box[k]->t = out[k];
    if (!a.op->inplace) return a.op->nout;
    lua_pushvalue(L, 1);
    return 1;
}

static void push_param(lua_State *L, const ss_param *p)
{
    static const char *const kinds[] = {"tensor", "number", "int",  "bool",  "dim",   "int2",
                                        "int3",   "ints",   "dims", "shape", "dtype", "enum"};
    static const char *const classes[] = {"any", "float", "f32", "integer", "index", "num"};
    lua_newtable(L);
    lua_pushstring(L, p->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, kinds[p->kind]);
    lua_setfield(L, -2, "kind");
    if (p->kind == SS_KIND_TENSOR) {
        lua_pushstring(L, classes[p->cls]);
        lua_setfield(L, -2, "class");
    }
    lua_pushboolean(L, p->optional);
    lua_setfield(L, -2, "optional");
    lua_pushboolean(L, p->variadic);
    lua_setfield(L, -2, "variadic");
    if (p->deflt) lua_pushstring(L, p->deflt), lua_setfield(L, -2, "default");
    if (!p->nchoice) return;
    lua_newtable(L);
    for (int i = 0; i < p->nchoice; i++) lua_pushstring(L, p->choice[i]), lua_seti(L, -2, i + 1);
    lua_setfield(L, -2, "choices");
}

/* ops() — a list of {name, sig, doc, params, nout, internal, differentiable, cuda, inplace,
 * view}. */
static int list_ops(lua_State *L)
{
    lua_createtable(L, ss_op_count(), 0);
    for (int i = 0; i < ss_op_count(); i++) {
        const ss_opinfo *o = ss_op_at(i);
        lua_newtable(L);
        lua_pushstring(L, o->name), lua_setfield(L, -2, "name");
        lua_pushstring(L, o->sig), lua_setfield(L, -2, "sig");
        lua_pushstring(L, o->doc), lua_setfield(L, -2, "doc");
        lua_pushinteger(L, o->nout), lua_setfield(L, -2, "nout");
        lua_pushboolean(L, o->internal), lua_setfield(L, -2, "internal");
        lua_pushboolean(L, o->differentiable), lua_setfield(L, -2, "differentiable");
        lua_pushboolean(L, ss_cuda_has(o)), lua_setfield(L, -2, "cuda");
        lua_pushboolean(L, o->inplace), lua_setfield(L, -2, "inplace");
        lua_pushboolean(L, o->view), lua_setfield(L, -2, "view");
        lua_createtable(L, o->ntensor + o->nattr, 0);
        for (int k = 0; k < o->ntensor + o->nattr; k++)
            push_param(L, &o->param[k]), lua_seti(L, -2, k + 1);
        lua_setfield(L, -2, "params");
        lua_seti(L, -2, i + 1);
    }
    return 1;
}

/* Module table on top. Public ops go into it and into `_methods`, all into `_ops`. */
void ssL_open_ops(lua_State *L)
{
    lua_newtable(L);
    lua_newtable(L);
    for (int i = 0; i < ss_op_count(); i++) {
        const ss_opinfo *o = ss_op_at(i);
        lua_pushlightuserdata(L, (void *)(uintptr_t)o);
        lua_pushcclosure(L, call, 1);
        lua_pushvalue(L, -1), lua_setfield(L, -3, o->name); /* _ops */
        if (!o->internal) {
            lua_pushvalue(L, -1), lua_setfield(L, -4, o->name); /* _methods */
            lua_pushvalue(L, -1), lua_setfield(L, -5, o->name); /* module */
        }
        lua_pop(L, 1);
    }
    lua_setfield(L, -3, "_ops");
    lua_setfield(L, -2, "_methods");
    lua_pushcfunction(L, list_ops);
    lua_setfield(L, -2, "ops");
}
