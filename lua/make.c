/* make.c — tensors from Lua values: tensor, zeros, ones, full, empty, frombytes, is_tensor. */
#include "half.h"
#include "op.h"
#include "ssl.h"
#include <math.h>
#include <string.h>

/* Options of every constructor: {dtype = "f32", device = "cpu"}. */
static const char *read_options(lua_State *L, int i, ss_dtype *t)
{
    const char *device = ssL_get(L)->device;
    if (lua_isnoneornil(L, i)) return device;
    luaL_checktype(L, i, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, i); lua_pop(L, 1)) {
        const char *k = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
        if (!strcmp(k, "dtype"))
            *t = ssL_checkdtype(L, -1, "dtype");
        else if (!strcmp(k, "device"))
            device = luaL_checkstring(L, -1); /* alive: the table holds it */
        else
            ssL_fail(L, "unknown option '%s', expected dtype or device", k);
    }
    return device;
}

int ssL_checkshape(lua_State *L, int i, int64_t *shape, const char *what)
{
    if (lua_type(L, i) == LUA_TNUMBER) {
        shape[0] = luaL_checkinteger(L, i);
        return 1;
    }
    if (lua_type(L, i) != LUA_TTABLE)
        ssL_fail(L, "%s: expected a list of sizes, got %s", what, luaL_typename(L, i));
    lua_Integer n = luaL_len(L, i);
    if (n > SS_MAX_DIM) ssL_fail(L, "%s: %I axes, at most %d", what, n, SS_MAX_DIM);
    for (int k = 0; k < (int)n; k++) {
        int ok;
        lua_geti(L, i, k + 1);
        shape[k] = lua_tointegerx(L, -1, &ok);
        if (!ok) ssL_fail(L, "%s: size %d is not a whole number", what, k + 1);
        lua_pop(L, 1);
    }
    return (int)n;
}

static void put(void *p, ss_dtype t, int64_t i, lua_Number x, lua_Integer n)
{
    switch (t) {
    case SS_F32:
        ((float *)p)[i] = (float)x;
        break;
    case SS_F16:
        ((uint16_t *)p)[i] = ss_f32_to_f16((float)x);
        break;
    case SS_BF16:
        ((uint16_t *)p)[i] = ss_f32_to_bf16((float)x);
        break;
    case SS_I64:
        ((int64_t *)p)[i] = n;
        break;
    case SS_I32:
        ((int32_t *)p)[i] = (int32_t)n;
        break;
    case SS_U8:
        ((uint8_t *)p)[i] = (uint8_t)n;
        break;
    case SS_BOOL:
        ((uint8_t *)p)[i] = x != 0;
        break;
    case SS_DTYPE_COUNT:
        break;
    }
}

/* The number or boolean on top of the stack as element i. */
static void put_top(lua_State *L, void *p, ss_dtype t, int64_t i)
{
    if (lua_isboolean(L, -1)) {
        put(p, t, i, lua_toboolean(L, -1), lua_toboolean(L, -1));
        return;
    }
    if (lua_type(L, -1) != LUA_TNUMBER)
        ssL_fail(L, "tensor: expected numbers, got %s", luaL_typename(L, -1));
    lua_Number x = lua_tonumber(L, -1);
    int ok;
    lua_Integer n = lua_tointegerx(L, -1, &ok);
    if (!ok && !ss_is_float(t) && t != SS_BOOL)
        ssL_fail(L, "tensor: %f is not a whole number, dtype is %s", x, ss_dtype_name(t));
    if (ok &&
        ((t == SS_U8 && (n < 0 || n > 255)) || (t == SS_I32 && (n < INT32_MIN || n > INT32_MAX))))
        ssL_fail(L, "tensor: %I does not fit %s", n, ss_dtype_name(t));
    put(p, t, i, x, n);
}

/* Shape of the nested table at i, read off its first elements. */
static int nested_shape(lua_State *L, int i, int64_t *shape)
{
    int ndim = 0;
    lua_pushvalue(L, i);
    while (lua_type(L, -1) == LUA_TTABLE) {
        if (ndim == SS_MAX_DIM) ssL_fail(L, "tensor: more than %d nested levels", SS_MAX_DIM);
        shape[ndim++] = luaL_len(L, -1);
        lua_geti(L, -1, 1);
        lua_remove(L, -2);
        if (shape[ndim - 1] == 0) break;
    }
    lua_pop(L, 1);
    return ndim;
}

static void fill_nested(lua_State *L, const ss_view *v, void *p, int axis, int64_t *at)
{
    luaL_checkstack(L, 4, "tensor");
    if (axis == v->ndim) {
        put_top(L, p, v->dtype, (*at)++);
        return;
    }
    if (lua_type(L, -1) != LUA_TTABLE || luaL_len(L, -1) != v->shape[axis])
        ssL_fail(L, "tensor: ragged table: expected %I entries at level %d",
                 (LUAI_UACINT)v->shape[axis], axis + 1);
    for (int64_t i = 0; i < v->shape[axis]; i++) {
        lua_geti(L, -1, i + 1);
        fill_nested(L, v, p, axis + 1, at);
        lua_pop(L, 1);
    }
}

/* New host buffer (a userdata on the stack) filled from the value at slot 1, then a tensor. */
static int tensor(lua_State *L)
{
    ss_dtype t = lua_isboolean(L, 1) ? SS_BOOL : SS_F32;
    if (luaL_testudata(L, 1, SSL_TENSOR))
        return ssL_fail(L, "tensor: already a tensor; use copy()");
    const char *device = read_options(L, 2, &t);
    int64_t at = 0;
    ss_view v = {.dtype = t, .count = 1};
    v.ndim = nested_shape(L, 1, v.shape);
    for (int i = 0; i < v.ndim; i++)
        if (__builtin_mul_overflow(v.count, v.shape[i], &v.count))
            return ssL_fail(L, "tensor: too many elements");
    ssL_box *b = ssL_newbox(L);
    void *p = lua_newuserdatauv(L, (size_t)(v.count ? v.count : 1) * 8, 0);
    lua_pushvalue(L, 1);
    if (v.count) fill_nested(L, &v, p, 0, &at);
    ssL_try(L, ss_tensor_from(ssL_ctx(L), t, v.ndim, v.shape, device, p, &b->t));
    lua_pushvalue(L, -3);
    return 1;
}

ss_tensor *ssL_pushscalar(lua_State *L, int i, bool real, const char *device)
{
    uint64_t cell = 0;
    ss_dtype t = lua_isinteger(L, i) && !real ? SS_I64 : SS_F32;
    put(&cell, t, 0, lua_tonumber(L, i), lua_tointeger(L, i));
    ssL_box *b = ssL_newbox(L);
    ssL_try(L, ss_tensor_from(ssL_ctx(L), t, 0, NULL, device, &cell, &b->t));
    return b->t;
}

static int filled(lua_State *L, int options, const char *what, bool fill, lua_Number value)
{
    int64_t shape[SS_MAX_DIM];
    ss_dtype t = SS_F32;
    const char *device = read_options(L, options, &t);
    int ndim = ssL_checkshape(L, 1, shape, what);
    ssL_box *b = ssL_newbox(L);
    ssL_try(L, ss_tensor_new(ssL_ctx(L), t, ndim, shape, device, &b->t));
    if (!fill) return 1;
    ss_attr a = ss_num(value);
    ss_no_grad(ssL_ctx(L), true);
    ss_status s = ss_run(ssL_ctx(L), ss_op_find("fill_"), 1, &b->t, 1, &a, NULL, 0, NULL);
    ss_no_grad(ssL_ctx(L), false);
    ssL_try(L, s);
    return 1;
}

static int zeros(lua_State *L)
{
    return filled(L, 2, "zeros", true, 0);
}

static int ones(lua_State *L)
{
    return filled(L, 2, "ones", true, 1);
}

static int empty(lua_State *L)
{
    return filled(L, 2, "empty", false, 0);
}

static int full(lua_State *L)
{
    return filled(L, 3, "full", true, luaL_checknumber(L, 2));
}

/* frombytes(string, dtype, shape, {device=}) — packed little-endian elements, row-major. */
static int frombytes(lua_State *L)
{
    size_t n;
    int64_t shape[SS_MAX_DIM], count = 1;
    const char *p = luaL_checklstring(L, 1, &n);
    ss_dtype t = ssL_checkdtype(L, 2, "dtype"), ignored;
    int ndim = ssL_checkshape(L, 3, shape, "frombytes");
    const char *device = read_options(L, 4, &ignored);
    for (int i = 0; i < ndim; i++)
        if (shape[i] < 0 || __builtin_mul_overflow(count, shape[i], &count))
            return ssL_fail(L, "frombytes: shape does not fit");
    if (count < 0 || (uint64_t)count > n || (size_t)count * ss_dtype_bytes(t) != n)
        if (!(count == 0 && n == 0))
            return ssL_fail(L, "frombytes: %I elements of %s expected, got %I bytes",
                            (LUAI_UACINT)count, ss_dtype_name(t), (LUAI_UACINT)n);
    ssL_box *b = ssL_newbox(L);
    ssL_try(L, ss_tensor_from(ssL_ctx(L), t, ndim, shape, device, p, &b->t));
    return 1;
}

static int is_tensor(lua_State *L)
{
    lua_pushboolean(L, luaL_testudata(L, 1, SSL_TENSOR) != NULL);
    return 1;
}

void ssL_open_make(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"tensor", tensor}, {"zeros", zeros},         {"ones", ones},           {"empty", empty},
        {"full", full},     {"frombytes", frombytes}, {"is_tensor", is_tensor}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
