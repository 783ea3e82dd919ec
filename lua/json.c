/* json.c — ss.json.encode(value, {indent=, nonfinite="null"}), ss.json.decode(text),
 * ss.json.array(t).
 *
 * Keys are sorted, so equal values give equal bytes. Whole numbers stay whole up to 2^53; beyond
 * that a JSON reader would round, so they are refused. Parsing is cJSON's. */
#include "files.h"
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_META "semisam.json.array"
#define MAX_EXACT 9007199254740992LL
enum { MAX_DEPTH = 64 };

/* ---- encode ------------------------------------------------------------------------------ */

typedef struct out {
    char *text;
    size_t n, cap;
} out;

static void out_free(void *p)
{
    free(((out *)p)->text);
}

static void put(lua_State *L, out *o, const char *s, size_t n)
{
    if (o->n + n + 1 > o->cap) {
        size_t cap = (o->n + n + 1) * 2;
        char *t = realloc(o->text, cap);
        if (!t) ssL_fail(L, "json.encode: out of memory");
        o->text = t;
        o->cap = cap;
    }
    memcpy(o->text + o->n, s, n);
    o->n += n;
}

static void put_text(lua_State *L, out *o, const char *s)
{
    put(L, o, s, strlen(s));
}

static void put_string(lua_State *L, out *o, const char *s, size_t n)
{
    put(L, o, "\"", 1);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        char esc[8];
        if (c == '"' || c == '\\') {
            esc[0] = '\\';
            esc[1] = (char)c;
            put(L, o, esc, 2);
        } else if (c < 32) {
            static const char hex[] = "0123456789abcdef";
            memcpy(esc, "\\u00", 4);
            esc[4] = hex[c >> 4];
            esc[5] = hex[c & 15];
            put(L, o, esc, 6);
        } else {
            put(L, o, s + i, 1);
        }
    }
    put(L, o, "\"", 1);
}

static void put_number(lua_State *L, out *o, int i, bool null_for_nonfinite)
{
    char text[40];
    if (lua_isinteger(L, i)) {
        lua_Integer n = lua_tointeger(L, i);
        if (n > MAX_EXACT || n < -MAX_EXACT)
            ssL_fail(L, "json.encode: %I is beyond 2^53; write it as a string", n);
        lua_Integer k = n < 0 ? -n : n;
        char *p = text + sizeof text - 1;
        *p = 0;
        do *--p = (char)('0' + k % 10);
        while (k /= 10);
        if (n < 0) *--p = '-';
        put_text(L, o, p);
        return;
    }
    lua_Number x = lua_tonumber(L, i);
    if (!isfinite(x)) {
        if (!null_for_nonfinite)
            ssL_fail(L, "json.encode: %f has no JSON form (option nonfinite = \"null\")", x);
        put_text(L, o, "null");
        return;
    }
    lua_getglobal(L, "string");
    lua_getfield(L, -1, "format");
    lua_pushliteral(L, "%.17g");
    lua_pushnumber(L, x);
    lua_call(L, 2, 1);
    const char *s = lua_tostring(L, -1);
    put_text(L, o, s);
    if (!strpbrk(s, ".eE")) put_text(L, o, ".0"); /* a float stays one when it comes back */
    lua_pop(L, 2);
}

static void line(lua_State *L, out *o, int indent, int depth)
{
    if (indent == 0) return;
    put(L, o, "\n", 1);
    for (int i = 0; i < indent * depth; i++) put(L, o, " ", 1);
}

static void put_value(lua_State *L, out *o, int i, int indent, bool nonfinite, int depth);

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Object at slot t: keys sorted. The array of key pointers is a userdata; the table holds them. */
static void put_object(lua_State *L, out *o, int t, int indent, bool nonfinite, int depth)
{
    size_t n = 0, k = 0;
    for (lua_pushnil(L); lua_next(L, t); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            ssL_fail(L, "json.encode: a table has both names and other keys (%s)",
                     luaL_typename(L, -2));
        n++;
    }
    const char **key = lua_newuserdatauv(L, (n + 1) * sizeof *key, 0);
    for (lua_pushnil(L); lua_next(L, t); lua_pop(L, 1)) key[k++] = lua_tostring(L, -2);
    qsort(key, n, sizeof *key, by_text);
    put(L, o, "{", 1);
    for (k = 0; k < n; k++) {
        if (k) put(L, o, indent ? "," : ", ", indent ? 1 : 2);
        line(L, o, indent, depth + 1);
        put_string(L, o, key[k], strlen(key[k]));
        put(L, o, ": ", 2);
        lua_getfield(L, t, key[k]);
        put_value(L, o, lua_gettop(L), indent, nonfinite, depth + 1);
        lua_pop(L, 1);
    }
    if (n) line(L, o, indent, depth);
    put(L, o, "}", 1);
    lua_pop(L, 1);
}

static void put_array(lua_State *L, out *o, int t, int indent, bool nonfinite, int depth)
{
    lua_Integer n = luaL_len(L, t), keys = 0;
    for (lua_pushnil(L); lua_next(L, t); lua_pop(L, 1)) keys++;
    if (keys != n)
        ssL_fail(L, "json.encode: a list of %I has %I other keys, which JSON cannot hold", n,
                 keys - n);
    put(L, o, "[", 1);
    for (lua_Integer k = 1; k <= n; k++) {
        if (k > 1) put(L, o, ", ", 2);
        lua_geti(L, t, k);
        bool deep = lua_istable(L, -1) && indent;
        if (deep) line(L, o, indent, depth + 1);
        put_value(L, o, lua_gettop(L), indent, nonfinite, depth + 1);
        if (deep && k == n) line(L, o, indent, depth);
        lua_pop(L, 1);
    }
    put(L, o, "]", 1);
}

static bool is_array(lua_State *L, int t)
{
    bool marked = false;
    if (lua_getmetatable(L, t)) {
        luaL_getmetatable(L, ARRAY_META);
        marked = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
    }
    return marked || lua_rawlen(L, t) > 0;
}

static void put_value(lua_State *L, out *o, int i, int indent, bool nonfinite, int depth)
{
    size_t n;
    const char *s;
    if (depth > MAX_DEPTH) ssL_fail(L, "json.encode: nested deeper than %d levels", MAX_DEPTH);
    luaL_checkstack(L, 12, "json.encode");
    switch (lua_type(L, i)) {
    case LUA_TNIL:
        put_text(L, o, "null");
        break;
    case LUA_TBOOLEAN:
        put_text(L, o, lua_toboolean(L, i) ? "true" : "false");
        break;
    case LUA_TNUMBER:
        put_number(L, o, i, nonfinite);
        break;
    case LUA_TSTRING:
        s = lua_tolstring(L, i, &n);
        put_string(L, o, s, n);
        break;
    case LUA_TTABLE:
        if (is_array(L, i))
            put_array(L, o, i, indent, nonfinite, depth);
        else
            put_object(L, o, i, indent, nonfinite, depth);
        break;
    default:
        ssL_fail(L, "json.encode: a %s has no JSON form", luaL_typename(L, i));
    }
}

static int encode(lua_State *L)
{
    static const char *const known[] = {"indent", "nonfinite", NULL};
    luaL_checkany(L, 1);
    ssL_checkoptions(L, 2, "json.encode", known);
    lua_settop(L, 2);
    int indent = ssL_optfield(L, 2, "indent") == LUA_TNUMBER ? (int)lua_tointeger(L, -1) : 0;
    if (indent < 0 || indent > 16)
        return ssL_fail(L, "json.encode: indent %d, expected 0 to 16", indent);
    bool nonfinite = ssL_optfield(L, 2, "nonfinite") == LUA_TSTRING;
    out *o = ssL_newguard(L, sizeof *o, out_free);
    put_value(L, o, 1, indent, nonfinite, 0);
    if (indent) put(L, o, "\n", 1);
    lua_pushlstring(L, o->text, o->n);
    return 1;
}

/* ---- decode -------------------------------------------------------------------------------- */

static void json_free(void *p)
{
    cJSON_Delete(*(cJSON **)p);
}

static void push_value(lua_State *L, const cJSON *v, int depth)
{
    if (depth > MAX_DEPTH) ssL_fail(L, "json.decode: nested deeper than %d levels", MAX_DEPTH);
    luaL_checkstack(L, 6, "json.decode");
    if (cJSON_IsBool(v)) {
        lua_pushboolean(L, cJSON_IsTrue(v));
    } else if (cJSON_IsNumber(v)) {
        if (v->valuedouble == floor(v->valuedouble) && fabs(v->valuedouble) <= (double)MAX_EXACT)
            lua_pushinteger(L, (lua_Integer)v->valuedouble);
        else
            lua_pushnumber(L, v->valuedouble);
    } else if (cJSON_IsString(v)) {
        lua_pushstring(L, v->valuestring);
    } else if (cJSON_IsArray(v)) {
        int k = 0;
        lua_newtable(L);
        luaL_setmetatable(L, ARRAY_META);
        for (const cJSON *e = v->child; e; e = e->next)
            push_value(L, e, depth + 1), lua_seti(L, -2, ++k);
    } else if (cJSON_IsObject(v)) {
        lua_newtable(L);
        for (const cJSON *e = v->child; e; e = e->next) {
            if (lua_getfield(L, -1, e->string) != LUA_TNIL)
                ssL_fail(L, "json.decode: the name \"%s\" appears twice in one object", e->string);
            lua_pop(L, 1);
            push_value(L, e, depth + 1);
            lua_setfield(L, -2, e->string);
        }
    } else {
        lua_pushnil(L);
    }
}

/* decode(text) — null becomes nil, so that entries with null are absent. */
static int decode(lua_State *L)
{
    size_t n;
    const char *text = luaL_checklstring(L, 1, &n), *end = NULL;
    if (memchr(text, 0, n)) return ssL_fail(L, "json.decode: the text contains a zero byte");
    cJSON **root = ssL_newguard(L, sizeof *root, json_free);
    *root = cJSON_ParseWithLengthOpts(text, n + 1, &end, 1);
    if (!*root) {
        int row = 1, column = 1;
        for (const char *p = text; p < end && *p; p++) {
            column = *p == '\n' ? 1 : column + 1;
            row += *p == '\n';
        }
        return ssL_fail(L, "json.decode: not JSON at line %d, column %d of %I bytes", row, column,
                        (LUAI_UACINT)n);
    }
    push_value(L, *root, 0);
    return 1;
}

/* array(t) — marks t so that it is written as a list even when empty; returns t. */
static int array(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_setmetatable(L, ARRAY_META);
    return 1;
}

void ssL_open_json(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"encode", encode}, {"decode", decode}, {"array", array}, {NULL, NULL}};
    luaL_newmetatable(L, ARRAY_META);
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "json");
}
