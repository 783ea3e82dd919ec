/* phantom.c — phantom{...}: a synthetic ultrasound volume as tensors. */
#include "phantom.h"
#include "ssl.h"
#include <string.h>

static lua_Number number_at(lua_State *L, int i, const char *key)
{
    int ok;
    lua_Number x = lua_tonumberx(L, i, &ok);
    if (!ok) ssL_fail(L, "phantom: %s should be a number, got %s", key, luaL_typename(L, i));
    return x;
}

static uint64_t integer_at(lua_State *L, int i, const char *key)
{
    int ok;
    lua_Integer x = lua_tointegerx(L, i, &ok);
    if (!ok) ssL_fail(L, "phantom: %s should be a whole number", key);
    return (uint64_t)x;
}

/* A number, or {lo, hi}, on top of the stack. */
static ss_range range_at_top(lua_State *L, const char *key)
{
    ss_range r;
    if (lua_type(L, -1) != LUA_TTABLE) {
        r.lo = r.hi = number_at(L, -1, key);
        return r;
    }
    if (luaL_len(L, -1) != 2) ssL_fail(L, "phantom: %s should be a number or {lo, hi}", key);
    lua_geti(L, -1, 1);
    r.lo = number_at(L, -1, key);
    lua_geti(L, -2, 2);
    r.hi = number_at(L, -1, key);
    lua_pop(L, 2);
    return r;
}

static void size_at_top(lua_State *L, int64_t *size)
{
    int64_t shape[SS_MAX_DIM];
    int n = ssL_checkshape(L, lua_gettop(L), shape, "phantom: size");
    if (n != 1 && n != 3) ssL_fail(L, "phantom: size should be a number or {z, y, x}");
    for (int a = 0; a < 3; a++) size[a] = shape[n == 3 ? a : 0];
}

static ss_phantom_family family_at_top(lua_State *L)
{
    const char *name = lua_tostring(L, -1);
    for (int f = 0; name && f <= SS_PHANTOM_any; f++)
        if (!strcmp(name, ss_phantom_family_name(f))) return (ss_phantom_family)f;
    ssL_fail(L,
             "phantom: family should be target, any, ellipsoid, box, torus, capsule, cone, cross "
             "or blob, got '%s'",
             name ? name : luaL_typename(L, -1));
    return SS_PHANTOM_any;
}

/* The chance of dark objects that a polarity stands for. */
static double polarity_at_top(lua_State *L)
{
    static const char *const names[] = {"bright", "mixed", "dark"};
    static const double dark[] = {0, 0.75, 1};
    const char *name = lua_tostring(L, -1);
    for (int i = 0; name && i < 3; i++)
        if (!strcmp(name, names[i])) return dark[i];
    ssL_fail(L, "phantom: polarity should be dark, bright or mixed, got '%s'",
             name ? name : luaL_typename(L, -1));
    return 0;
}

/* One option, its value on top of the stack. */
static void set(lua_State *L, ss_phantom_spec *s, const char *key)
{
    if (!strcmp(key, "seed"))
        s->seed = integer_at(L, -1, key);
    else if (!strcmp(key, "index"))
        s->index = integer_at(L, -1, key);
    else if (!strcmp(key, "size"))
        size_at_top(L, s->size);
    else if (!strcmp(key, "family"))
        s->family = family_at_top(L);
    else if (!strcmp(key, "polarity"))
        s->dark = polarity_at_top(L);
    else if (!strcmp(key, "dark"))
        s->dark = number_at(L, -1, key);
    else if (!strcmp(key, "odd"))
        s->odd = number_at(L, -1, key);
    else if (!strcmp(key, "fan"))
        s->fan = number_at(L, -1, key);
#define X(name, lo, hi, least, most, meaning)                                                      \
    else if (!strcmp(key, #name)) s->name = range_at_top(L, key);
    SS_PHANTOM_RANGE_MAP(X)
#undef X
    else ssL_fail(L, "phantom: unknown option '%s'", key);
}

static void read_spec(lua_State *L, ss_phantom_spec *s)
{
    ss_phantom_defaults(s);
    if (lua_isnoneornil(L, 1)) return;
    luaL_checktype(L, 1, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) ssL_fail(L, "phantom: options are given by name");
        set(L, s, lua_tostring(L, -2));
    }
}

static void field(lua_State *L, const char *key, double x)
{
    lua_pushnumber(L, x);
    lua_setfield(L, -2, key);
}

static void list(lua_State *L, const char *key, int n, const double *x)
{
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_pushnumber(L, x[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, key);
}

static void push_objects(lua_State *L, const ss_phantom_info *f)
{
    lua_createtable(L, f->objects, 0);
    for (int k = 0; k < f->objects; k++) {
        const ss_phantom_object *o = &f->object[k];
        lua_createtable(L, 0, 6);
        lua_pushstring(L, ss_phantom_family_name(o->family));
        lua_setfield(L, -2, "family");
        list(L, "centre", 3, o->centre);
        list(L, "turn", 9, o->turn);
        field(L, "scale", o->scale);
        field(L, "contrast", o->contrast);
        lua_pushinteger(L, o->voxels);
        lua_setfield(L, -2, "voxels");
        lua_rawseti(L, -2, k + 1);
    }
}

static void push_shadows(lua_State *L, const ss_phantom_info *f)
{
    lua_createtable(L, f->shadows, 0);
    for (int k = 0; k < f->shadows; k++) {
        const ss_phantom_shadow *a = &f->shadow[k];
        lua_createtable(L, 0, 6);
        field(L, "z", a->z);
        field(L, "x", a->x);
        field(L, "onset", a->onset);
        field(L, "width_z", a->width_z);
        field(L, "width_x", a->width_x);
        field(L, "loss", a->loss);
        lua_rawseti(L, -2, k + 1);
    }
}

static void push_params(lua_State *L, const ss_phantom_spec *s, const ss_phantom_info *f)
{
    lua_newtable(L);
    lua_pushinteger(L, (lua_Integer)s->seed);
    lua_setfield(L, -2, "seed");
    lua_pushinteger(L, (lua_Integer)s->index);
    lua_setfield(L, -2, "index");
    lua_createtable(L, 3, 0);
    for (int a = 0; a < 3; a++) {
        lua_pushinteger(L, s->size[a]);
        lua_rawseti(L, -2, a + 1);
    }
    lua_setfield(L, -2, "size");
    push_objects(L, f);
    lua_setfield(L, -2, "objects");
    push_shadows(L, f);
    lua_setfield(L, -2, "shadows");
    field(L, "fan", f->fan);
    lua_pushinteger(L, f->delay);
    lua_setfield(L, -2, "delay");
    field(L, "warp", f->warp);
    field(L, "wall", f->wall);
    field(L, "texture", f->texture);
    field(L, "axial", f->axial);
    field(L, "lateral", f->lateral);
    field(L, "widening", f->widening);
    field(L, "attenuation", f->attenuation);
    field(L, "tgc", f->tgc);
    field(L, "reverberation", f->reverberation);
    field(L, "floor", f->floor);
    field(L, "dynamic", f->dynamic);
    field(L, "level", f->level);
}

/* Empty tensor in field `key` of the table on top of the stack; its bytes. */
static void *new_field(lua_State *L, const char *key, ss_dtype t, const int64_t *size)
{
    ssL_box *box = ssL_newbox(L);
    ssL_try(L, ss_tensor_new(ssL_ctx(L), t, 3, size, "cpu", &box->t));
    ss_tensor *made = box->t;
    lua_setfield(L, -2, key);
    return ss_tensor_view(made)->data;
}

/* phantom{seed=, index=, size=, family=, ...} — {image, label, objects, params}. */
static int phantom(lua_State *L)
{
    ss_phantom_spec spec;
    ss_phantom_info info;
    ss_error err;
    read_spec(L, &spec);
    if (ss_phantom_check(&spec, &err) != SS_OK) return ssL_raise_error(L, &err);
    lua_createtable(L, 0, 4);
    float *image = new_field(L, "image", SS_F32, spec.size);
    uint8_t *label = new_field(L, "label", SS_U8, spec.size);
    uint8_t *objects = new_field(L, "objects", SS_U8, spec.size);
    if (ss_phantom_make(&spec, image, objects, &info, &err) != SS_OK)
        return ssL_raise_error(L, &err);
    const int64_t count = spec.size[0] * spec.size[1] * spec.size[2];
    for (int64_t i = 0; i < count; i++) label[i] = objects[i] == 1;
    push_params(L, &spec, &info);
    lua_setfield(L, -2, "params");
    return 1;
}

void ssL_open_phantom(lua_State *L)
{
    static const luaL_Reg functions[] = {{"phantom", phantom}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
