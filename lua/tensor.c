/* tensor.c — the tensor handle: fields, methods, operators. Operations come from bind.c. */
#include "half.h"
#include "op.h"
#include "ssl.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ss_tensor *ssL_testtensor(lua_State *L, int i)
{
    ssL_box *b = luaL_testudata(L, i, SSL_TENSOR);
    return b ? b->t : NULL;
}

ss_tensor *ssL_checktensor(lua_State *L, int i)
{
    ssL_box *b = luaL_checkudata(L, i, SSL_TENSOR);
    if (!b->t) ssL_fail(L, "tensor was %s", b->gone ? b->gone : "never filled");
    return b->t;
}

void ssL_pushtensor(lua_State *L, ss_tensor *t)
{
    ssL_newbox(L)->t = t;
}

void ssL_pushshape(lua_State *L, const ss_view *v)
{
    lua_createtable(L, v->ndim, 0);
    for (int i = 0; i < v->ndim; i++) lua_pushinteger(L, v->shape[i]), lua_seti(L, -2, i + 1);
}

ss_dtype ssL_checkdtype(lua_State *L, int i, const char *what)
{
    const char *s = lua_type(L, i) == LUA_TSTRING ? lua_tostring(L, i) : NULL;
    for (int t = 0; s && t < SS_DTYPE_COUNT; t++)
        if (strcmp(s, ss_dtype_name((ss_dtype)t)) == 0) return (ss_dtype)t;
    ssL_fail(L, "'%s' expects one of f32, bf16, f16, i64, i32, u8, bool, got %s", what,
             s ? s : luaL_typename(L, i));
    return SS_F32;
}

/* ---- values out ------------------------------------------------------------------------- */

void ssL_pushelement(lua_State *L, const void *p, ss_dtype t, int64_t i)
{
    switch (t) {
    case SS_F32:
        lua_pushnumber(L, (lua_Number)((const float *)p)[i]);
        break;
    case SS_F16:
        lua_pushnumber(L, (lua_Number)ss_f16_to_f32(((const uint16_t *)p)[i]));
        break;
    case SS_BF16:
        lua_pushnumber(L, (lua_Number)ss_bf16_to_f32(((const uint16_t *)p)[i]));
        break;
    case SS_I64:
        lua_pushinteger(L, ((const int64_t *)p)[i]);
        break;
    case SS_I32:
        lua_pushinteger(L, ((const int32_t *)p)[i]);
        break;
    case SS_U8:
        lua_pushinteger(L, ((const uint8_t *)p)[i]);
        break;
    case SS_BOOL:
        lua_pushboolean(L, ((const uint8_t *)p)[i]);
        break;
    case SS_DTYPE_COUNT:
        lua_pushnil(L);
        break;
    }
}

/* The elements, packed, in a userdata left on the stack (so that nothing leaks on errors). */
static void *read_packed(lua_State *L, ss_tensor *x)
{
    size_t n = ss_tensor_bytes(x);
    void *p = lua_newuserdatauv(L, n ? n : 1, 0);
    ssL_try(L, ss_tensor_read(x, p, n));
    return p;
}

static int item(lua_State *L)
{
    ss_tensor *x = ssL_checktensor(L, 1);
    const ss_view *v = ss_tensor_view(x);
    if (v->count != 1)
        return ssL_fail(L, "item: expected one element, got %I", (LUAI_UACINT)v->count);
    uint64_t cell[1];
    ssL_try(L, ss_tensor_read(x, cell, sizeof cell));
    ssL_pushelement(L, cell, v->dtype, 0);
    return 1;
}

static int flat(lua_State *L)
{
    ss_tensor *x = ssL_checktensor(L, 1);
    const ss_view *v = ss_tensor_view(x);
    void *p = read_packed(L, x);
    lua_createtable(L, (int)(v->count < 1 << 26 ? v->count : 0), 0);
    for (int64_t i = 0; i < v->count; i++)
        ssL_pushelement(L, p, v->dtype, i), lua_seti(L, -2, i + 1);
    return 1;
}

static void push_nested(lua_State *L, const ss_view *v, const void *p, int axis, int64_t *at)
{
    luaL_checkstack(L, 4, "totable");
    if (axis == v->ndim) {
        ssL_pushelement(L, p, v->dtype, (*at)++);
        return;
    }
    lua_createtable(L, (int)v->shape[axis], 0);
    for (int64_t i = 0; i < v->shape[axis]; i++) {
        push_nested(L, v, p, axis + 1, at);
        lua_seti(L, -2, i + 1);
    }
}

static int totable(lua_State *L)
{
    ss_tensor *x = ssL_checktensor(L, 1);
    int64_t at = 0;
    void *p = read_packed(L, x);
    push_nested(L, ss_tensor_view(x), p, 0, &at);
    return 1;
}

static int bytes_string(lua_State *L)
{
    ss_tensor *x = ssL_checktensor(L, 1);
    luaL_Buffer b;
    size_t n = ss_tensor_bytes(x);
    char *p = luaL_buffinitsize(L, &b, n ? n : 1);
    ssL_try(L, ss_tensor_read(x, p, n));
    luaL_pushresultsize(&b, n);
    return 1;
}

/* ---- methods ------------------------------------------------------------------------------ */

static int size(lua_State *L)
{
    const ss_view *v = ss_tensor_view(ssL_checktensor(L, 1));
    int n = lua_gettop(L);
    if (n == 1) {
        ssL_pushshape(L, v);
        return 1;
    }
    for (int i = 2; i <= n; i++) {
        int64_t d, user = luaL_checkinteger(L, i);
        if (!ss_attr_dim(user, v->ndim, &d))
            return ssL_fail(L, "size: %I is not an axis of a tensor with %d axes",
                            (LUAI_UACINT)user, v->ndim);
        lua_pushinteger(L, v->shape[d]);
    }
    return n - 1;
}

static int detach(lua_State *L)
{
    ss_tensor *x = ssL_checktensor(L, 1);
    ssL_box *b = ssL_newbox(L);
    ssL_try(L, ss_tensor_detach(x, &b->t));
    return 1;
}

/* to("bf16") casts, to("meta") moves. */
static int to(lua_State *L)
{
    ss_tensor *x = ssL_checktensor(L, 1);
    const char *what = luaL_checkstring(L, 2);
    for (int t = 0; t < SS_DTYPE_COUNT; t++) {
        if (strcmp(what, ss_dtype_name((ss_dtype)t))) continue;
        if (ss_tensor_view(x)->dtype == (ss_dtype)t) {
            lua_settop(L, 1);
            return 1;
        }
        ss_attr a = ss_int(t);
        ssL_box *b = ssL_newbox(L);
        const ss_opinfo *op = ss_op_find("cast");
        if (!op) return ssL_fail(L, "to: the op 'cast' is missing");
        ssL_try(L, ss_run(ssL_ctx(L), op, 1, &x, 1, &a, NULL, 1, &b->t));
        return 1;
    }
    ssL_box *b = ssL_newbox(L);
    ssL_try(L, ss_tensor_to(x, what, &b->t));
    return 1;
}

static int requires_grad_(lua_State *L)
{
    ss_tensor *x = ssL_checktensor(L, 1);
    ssL_try(L, ss_tensor_set_requires_grad(x, lua_isnone(L, 2) || lua_toboolean(L, 2)));
    lua_settop(L, 1);
    return 1;
}

/* freeze_() marks a constant: no gradient, packed copies are kept. freeze_(false) undoes it. */
static int freeze_(lua_State *L)
{
    ss_tensor_set_constant(ssL_checktensor(L, 1), lua_isnone(L, 2) || lua_toboolean(L, 2));
    lua_settop(L, 1);
    return 1;
}

static int zero_grad(lua_State *L)
{
    ss_tensor_set_grad(ssL_checktensor(L, 1), NULL);
    return 0;
}

static int backward(lua_State *L)
{
    ss_tensor *x = ssL_checktensor(L, 1);
    ss_tensor *seed = lua_isnoneornil(L, 2) ? NULL : ssL_checktensor(L, 2);
    ssL_try(L, ss_backward(ssL_ctx(L), 1, &x, &seed));
    return 0;
}

static int is_contiguous(lua_State *L)
{
    lua_pushboolean(L, ss_tensor_is_contiguous(ssL_checktensor(L, 1)));
    return 1;
}

static void drop(ssL_box *b, const char *why)
{
    ssL_scope_unlink(b);
    ss_tensor *t = b->t;
    b->t = NULL;
    if (!b->gone) b->gone = why;
    ss_tensor_release(t);
}

static int release(lua_State *L)
{
    drop(luaL_checkudata(L, 1, SSL_TENSOR), "released by release()");
    return 0;
}

static int collect(lua_State *L)
{
    drop(luaL_checkudata(L, 1, SSL_TENSOR), "released by the collector");
    return 0;
}

static int is_live(lua_State *L)
{
    lua_pushboolean(L, ssL_testtensor(L, 1) != NULL);
    return 1;
}

/* ---- fields ---------------------------------------------------------------------------------- */

static int set_grad(lua_State *L)
{
    ss_tensor *x = ssL_checktensor(L, 1);
    ss_tensor_set_grad(x, lua_isnoneornil(L, 2) ? NULL : ssL_checktensor(L, 2));
    return 0;
}

static bool push_field(lua_State *L, ss_tensor *x, const char *k)
{
    const ss_view *v = ss_tensor_view(x);
    if (!strcmp(k, "shape"))
        ssL_pushshape(L, v);
    else if (!strcmp(k, "ndim"))
        lua_pushinteger(L, v->ndim);
    else if (!strcmp(k, "dtype"))
        lua_pushstring(L, ss_dtype_name(v->dtype));
    else if (!strcmp(k, "device"))
        lua_pushstring(L, ss_tensor_device(x));
    else if (!strcmp(k, "count"))
        lua_pushinteger(L, v->count);
    else if (!strcmp(k, "bytes"))
        lua_pushinteger(L, (lua_Integer)ss_tensor_bytes(x));
    else if (!strcmp(k, "requires_grad"))
        lua_pushboolean(L, ss_tensor_requires_grad(x));
    else if (!strcmp(k, "constant"))
        lua_pushboolean(L, v->constant);
    else if (!strcmp(k, "stamp"))
        lua_pushinteger(L, (lua_Integer)ss_tensor_stamp(x));
    else if (!strcmp(k, "grad")) {
        if (ss_tensor_grad(x)) {
            ssL_box *b = ssL_newbox(L);
            b->t = ss_tensor_retain(ss_tensor_grad(x));
        } else {
            lua_pushnil(L);
        }
    } else {
        return false;
    }
    return true;
}

/* Upvalue 1: methods. Fields first, then methods; a whole number selects along the first axis. */
static int field(lua_State *L)
{
    if (lua_type(L, 2) == LUA_TNUMBER) {
        lua_getfield(L, lua_upvalueindex(1), "select");
        lua_pushvalue(L, 1);
        lua_pushinteger(L, 1);
        lua_pushvalue(L, 2);
        lua_call(L, 3, 1);
        return 1;
    }
    const char *k = luaL_checkstring(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
    if (push_field(L, ssL_checktensor(L, 1), k)) return 1;
    return ssL_fail(L, "tensor has no field or method '%s'", k);
}

static int newindex(lua_State *L)
{
    const char *k = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
    return ssL_fail(L, "tensor field '%s' cannot be assigned; use copy_, fill_ or a new tensor", k);
}

static int length(lua_State *L)
{
    const ss_view *v = ss_tensor_view(ssL_checktensor(L, 1));
    lua_pushinteger(L, v->ndim ? v->shape[0] : 1);
    return 1;
}

/* Upvalue 1: the module table, whose `_tostring` the Lua library may set. */
static int tostring(lua_State *L)
{
    ssL_box *b = luaL_checkudata(L, 1, SSL_TENSOR);
    if (!b->t) {
        lua_pushfstring(L, "tensor (%s)", b->gone ? b->gone : "empty");
        return 1;
    }
    if (lua_getfield(L, lua_upvalueindex(1), "_tostring") == LUA_TFUNCTION) {
        lua_pushvalue(L, 1);
        lua_call(L, 1, 1);
        return 1;
    }
    const ss_view *v = ss_tensor_view(b->t);
    luaL_Buffer buf;
    luaL_buffinit(L, &buf);
    luaL_addstring(&buf, ss_dtype_name(v->dtype));
    luaL_addchar(&buf, '[');
    for (int i = 0; i < v->ndim; i++) {
        if (i) luaL_addchar(&buf, ',');
        lua_pushinteger(L, v->shape[i]);
        luaL_addvalue(&buf);
    }
    luaL_addstring(&buf, "] ");
    luaL_addstring(&buf, ss_tensor_device(b->t));
    luaL_pushresult(&buf);
    return 1;
}

/* Module table on top, with `_methods` from ssL_open_ops. */
void ssL_open_tensor(lua_State *L)
{
    static const luaL_Reg methods[] = {{"item", item},
                                       {"flat", flat},
                                       {"totable", totable},
                                       {"bytes_string", bytes_string},
                                       {"size", size},
                                       {"detach", detach},
                                       {"to", to},
                                       {"requires_grad_", requires_grad_},
                                       {"freeze_", freeze_},
                                       {"zero_grad", zero_grad},
                                       {"set_grad", set_grad},
                                       {"backward", backward},
                                       {"release", release},
                                       {"is_live", is_live},
                                       {"is_contiguous", is_contiguous},
                                       {NULL, NULL}};
    static const char *const operators[][2] = {{"__add", "add"}, {"__sub", "sub"},
                                               {"__mul", "mul"}, {"__div", "div"},
                                               {"__pow", "pow"}, {"__unm", "neg"}};
    int module = lua_gettop(L);
    luaL_newmetatable(L, SSL_TENSOR);
    int meta = lua_gettop(L);
    lua_getfield(L, module, "_methods");
    luaL_setfuncs(L, methods, 0);
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (lua_getfield(L, -1, operators[i][1]) == LUA_TFUNCTION)
            lua_setfield(L, meta, operators[i][0]);
        else
            lua_pop(L, 1);
    }
    lua_pushcclosure(L, field, 1);
    lua_setfield(L, meta, "__index");
    lua_pushcfunction(L, newindex), lua_setfield(L, meta, "__newindex");
    lua_pushcfunction(L, length), lua_setfield(L, meta, "__len");
    lua_pushcfunction(L, collect), lua_setfield(L, meta, "__gc");
    lua_pushcfunction(L, release), lua_setfield(L, meta, "__close");
    lua_pushvalue(L, module);
    lua_pushcclosure(L, tostring, 1);
    lua_setfield(L, meta, "__tostring");
    lua_settop(L, module);
}
