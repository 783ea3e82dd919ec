/* canvas.c — the canvas object: shapes, text and PNG output.
 *
 * Coordinates are pixels from the top left corner. Every drawing method returns the canvas. A style
 * is a table: color and fill (a colour; which of them is given decides what is drawn), width,
 * dash = {on, off}, close, clip = {x, y, w, h}; for text size, bold, color, align
 * ("left", "center", "right"), valign ("top", "middle", "baseline", "bottom"), angle in degrees. */
#include "canvas.h"
#include "file.h"
#include "files.h"
#include "ssl.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIDE = 16384 };

ss_canvas *ssL_checkcanvas(lua_State *L, int i)
{
    ss_canvas *c = luaL_checkudata(L, i, SS_CANVAS);
    luaL_argcheck(L, c->cr, i, "the canvas was released");
    return c;
}

static double component(lua_State *L, int i, int k)
{
    lua_rawgeti(L, i, k);
    double v = luaL_optnumber(L, -1, 1);
    lua_pop(L, 1);
    return v;
}

void ssL_color(lua_State *L, cairo_t *cr, int i)
{
    i = lua_absindex(L, i);
    if (lua_type(L, i) == LUA_TTABLE) {
        cairo_set_source_rgba(cr, component(L, i, 1), component(L, i, 2), component(L, i, 3),
                              component(L, i, 4));
        return;
    }
    size_t n = 0;
    const char *s = lua_type(L, i) == LUA_TSTRING ? lua_tolstring(L, i, &n) : "";
    if (s[0] != '#' || (n != 7 && n != 9) || strspn(s + 1, "0123456789abcdefABCDEF") != n - 1)
        luaL_error(L, "color: expected {r, g, b[, a]} or \"#rrggbb\", got %s",
                   n ? s : luaL_typename(L, i));
    unsigned long v = strtoul(s + 1, NULL, 16);
    if (n == 7) v = v << 8 | 0xff;
    cairo_set_source_rgba(cr, (double)(v >> 24) / 255, (double)(v >> 16 & 255) / 255,
                          (double)(v >> 8 & 255) / 255, (double)(v & 255) / 255);
}

/* Pushes style[key] and says whether there is one; pops nothing. */
static bool field(lua_State *L, int i, const char *key)
{
    if (lua_type(L, i) != LUA_TTABLE) {
        lua_pushnil(L);
        return false;
    }
    return lua_getfield(L, i, key) != LUA_TNIL;
}

static double number_field(lua_State *L, int i, const char *key, double deflt)
{
    double v = field(L, i, key) ? lua_tonumber(L, -1) : deflt;
    lua_pop(L, 1);
    return isfinite(v) ? v : deflt;
}

static bool bool_field(lua_State *L, int i, const char *key)
{
    bool v = field(L, i, key) && lua_toboolean(L, -1);
    lua_pop(L, 1);
    return v;
}

void ssL_stroke_style(lua_State *L, cairo_t *cr, int i)
{
    cairo_set_line_width(cr, number_field(L, i, "width", 1));
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
    double dash[2] = {0};
    if (field(L, i, "dash") && lua_istable(L, -1)) {
        dash[0] = component(L, lua_gettop(L), 1);
        dash[1] = component(L, lua_gettop(L), 2);
    }
    lua_pop(L, 1);
    cairo_set_dash(cr, dash, dash[0] > 0 && dash[1] > 0 ? 2 : 0, 0);
}

/* Restricts drawing to style.clip; the caller has saved the state. */
static void clip(lua_State *L, cairo_t *cr, int i)
{
    if (field(L, i, "clip") && lua_istable(L, -1)) {
        int t = lua_gettop(L);
        cairo_rectangle(cr, component(L, t, 1), component(L, t, 2), component(L, t, 3),
                        component(L, t, 4));
        cairo_clip(cr);
    }
    lua_pop(L, 1);
}

/* Fills and strokes the current path as the style at i says, and drops the path. A colour may
 * raise: then the canvas keeps a stray saved state, harmless since each call saves its own. */
static void paint(lua_State *L, cairo_t *cr, int i)
{
    bool filled = field(L, i, "fill");
    if (filled) {
        ssL_color(L, cr, -1);
        cairo_fill_preserve(cr);
    }
    bool stroked = field(L, i, "color");
    if (stroked || !filled) {
        if (stroked)
            ssL_color(L, cr, -1);
        else
            cairo_set_source_rgb(cr, 0, 0, 0);
        ssL_stroke_style(L, cr, i);
        cairo_stroke_preserve(cr);
    }
    lua_pop(L, 2);
    cairo_new_path(cr);
}

static int canvas_fill(lua_State *L)
{
    ss_canvas *c = ssL_checkcanvas(L, 1);
    ssL_color(L, c->cr, 2);
    cairo_paint(c->cr);
    lua_settop(L, 1);
    return 1;
}

static int canvas_rect(lua_State *L)
{
    ss_canvas *c = ssL_checkcanvas(L, 1);
    double x = luaL_checknumber(L, 2), y = luaL_checknumber(L, 3);
    double w = luaL_checknumber(L, 4), h = luaL_checknumber(L, 5);
    cairo_save(c->cr);
    cairo_new_path(c->cr);
    clip(L, c->cr, 6);
    cairo_rectangle(c->cr, x, y, w, h);
    paint(L, c->cr, 6);
    cairo_restore(c->cr);
    lua_settop(L, 1);
    return 1;
}

static int canvas_circle(lua_State *L)
{
    ss_canvas *c = ssL_checkcanvas(L, 1);
    double x = luaL_checknumber(L, 2), y = luaL_checknumber(L, 3), r = luaL_checknumber(L, 4);
    cairo_save(c->cr);
    cairo_new_path(c->cr);
    clip(L, c->cr, 5);
    cairo_arc(c->cr, x, y, r, 0, 2 * M_PI);
    paint(L, c->cr, 5);
    cairo_restore(c->cr);
    lua_settop(L, 1);
    return 1;
}

/* line({x1, y1, x2, y2, ...}, style): a NaN or infinite coordinate interrupts the line. */
static int canvas_line(lua_State *L)
{
    ss_canvas *c = ssL_checkcanvas(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    cairo_save(c->cr);
    cairo_new_path(c->cr);
    clip(L, c->cr, 3);
    bool pen = false;
    for (lua_Integer i = 1, n = luaL_len(L, 2); i + 1 <= n; i += 2) {
        lua_rawgeti(L, 2, i);
        lua_rawgeti(L, 2, i + 1);
        double x = lua_tonumber(L, -2), y = lua_tonumber(L, -1);
        lua_pop(L, 2);
        bool ok = isfinite(x) && isfinite(y) && fabs(x) < 1e6 && fabs(y) < 1e6;
        if (ok && pen) cairo_line_to(c->cr, x, y);
        if (ok && !pen) cairo_move_to(c->cr, x, y);
        pen = ok;
    }
    if (bool_field(L, 3, "close")) cairo_close_path(c->cr);
    paint(L, c->cr, 3);
    cairo_restore(c->cr);
    lua_settop(L, 1);
    return 1;
}

static void font(lua_State *L, cairo_t *cr, int i)
{
    cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           bool_field(L, i, "bold") ? CAIRO_FONT_WEIGHT_BOLD
                                                    : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr, number_field(L, i, "size", 12));
}

/* Offset from the anchor for an alignment word: 0, half or all of `size`. */
static double aligned(lua_State *L, int i, const char *key, double size)
{
    double shift = 0;
    if (field(L, i, key)) {
        const char *word = luaL_checkstring(L, -1);
        if (!strcmp(word, "center") || !strcmp(word, "middle"))
            shift = size / 2;
        else if (!strcmp(word, "right") || !strcmp(word, "top"))
            shift = size;
        else if (strcmp(word, "left") != 0 && strcmp(word, "baseline") != 0 &&
                 strcmp(word, "bottom") != 0)
            luaL_error(L,
                       "text: %s = '%s' is none of left, center, right, top, middle, baseline, "
                       "bottom",
                       key, word);
    }
    lua_pop(L, 1);
    return shift;
}

static int canvas_text(lua_State *L)
{
    ss_canvas *c = ssL_checkcanvas(L, 1);
    double x = luaL_checknumber(L, 2), y = luaL_checknumber(L, 3);
    const char *s = luaL_checkstring(L, 4);
    double angle = number_field(L, 5, "angle", 0);
    cairo_save(c->cr);
    clip(L, c->cr, 5);
    font(L, c->cr, 5);
    cairo_text_extents_t e;
    cairo_font_extents_t f;
    cairo_text_extents(c->cr, s, &e);
    cairo_font_extents(c->cr, &f);
    double dx = aligned(L, 5, "align", e.x_advance);
    double dy = aligned(L, 5, "valign", f.ascent * 0.74); /* the height of capitals, nearly */
    if (field(L, 5, "color"))
        ssL_color(L, c->cr, -1);
    else
        cairo_set_source_rgb(c->cr, 0, 0, 0);
    lua_pop(L, 1);
    cairo_translate(c->cr, x, y);
    cairo_rotate(c->cr, angle * M_PI / 180);
    cairo_move_to(c->cr, -dx, dy);
    cairo_show_text(c->cr, s);
    cairo_new_path(c->cr);
    cairo_restore(c->cr);
    lua_settop(L, 1);
    return 1;
}

/* text_size(string[, style]) — width and height in pixels. */
static int canvas_text_size(lua_State *L)
{
    ss_canvas *c = ssL_checkcanvas(L, 1);
    const char *s = luaL_checkstring(L, 2);
    font(L, c->cr, 3);
    cairo_text_extents_t e;
    cairo_font_extents_t f;
    cairo_text_extents(c->cr, s, &e);
    cairo_font_extents(c->cr, &f);
    lua_pushnumber(L, e.x_advance);
    lua_pushnumber(L, f.height);
    return 2;
}

static int canvas_size(lua_State *L)
{
    ss_canvas *c = ssL_checkcanvas(L, 1);
    lua_pushinteger(L, c->w);
    lua_pushinteger(L, c->h);
    return 2;
}

/* pixel(x, y) — red, green, blue from 0 to 255 of what was drawn there; 0-based. */
static int canvas_pixel(lua_State *L)
{
    ss_canvas *c = ssL_checkcanvas(L, 1);
    lua_Integer x = luaL_checkinteger(L, 2), y = luaL_checkinteger(L, 3);
    if (x < 0 || y < 0 || x >= c->w || y >= c->h)
        return luaL_error(L, "pixel: (%I, %I) is outside of %d x %d", x, y, c->w, c->h);
    cairo_surface_flush(c->surface);
    const unsigned char *row =
        cairo_image_surface_get_data(c->surface) + y * cairo_image_surface_get_stride(c->surface);
    uint32_t v;
    memcpy(&v, row + 4 * x, 4);
    lua_pushinteger(L, v >> 16 & 255);
    lua_pushinteger(L, v >> 8 & 255);
    lua_pushinteger(L, v & 255);
    return 3;
}

typedef struct bytes {
    unsigned char *p;
    size_t n, room;
} bytes;

static void release_bytes(void *p)
{
    free(((bytes *)p)->p);
}

static cairo_status_t collect(void *ud, const unsigned char *data, unsigned n)
{
    bytes *b = ud;
    if (b->n + n > b->room) {
        size_t room = (b->n + n) * 2;
        unsigned char *p = realloc(b->p, room);
        if (!p) return CAIRO_STATUS_NO_MEMORY;
        b->p = p;
        b->room = room;
    }
    memcpy(b->p + b->n, data, n);
    b->n += n;
    return CAIRO_STATUS_SUCCESS;
}

/* Encodes the canvas; the caller frees b->p. */
static ss_status encode(ss_canvas *c, bytes *b, ss_error *err)
{
    cairo_surface_flush(c->surface);
    cairo_status_t s = cairo_surface_write_to_png_stream(c->surface, collect, b);
    if (s == CAIRO_STATUS_SUCCESS) return SS_OK;
    return ss_error_set(err, SS_E_NOMEM, "%s", cairo_status_to_string(s));
}

/* png() — the PNG as a string. */
static int canvas_png(lua_State *L)
{
    ss_canvas *c = ssL_checkcanvas(L, 1);
    bytes *b = ssL_newguard(L, sizeof *b, release_bytes);
    ss_error err = {0};
    if (encode(c, b, &err)) return ssL_raise_error(L, &err);
    lua_pushlstring(L, (const char *)b->p, b->n);
    release_bytes(b);
    *b = (bytes){0};
    return 1;
}

/* save(path) — writes a PNG; the file appears complete or not at all. */
static int canvas_save(lua_State *L)
{
    ss_canvas *c = ssL_checkcanvas(L, 1);
    const char *path = luaL_checkstring(L, 2);
    bytes b = {0};
    ss_error err = {0};
    if (encode(c, &b, &err) == SS_OK) ss_file_write(path, b.p, b.n, &err);
    free(b.p);
    if (err.status != SS_OK) return ssL_raise_error(L, &err);
    lua_settop(L, 1);
    return 1;
}

static int canvas_gc(lua_State *L)
{
    ss_canvas *c = luaL_checkudata(L, 1, SS_CANVAS);
    if (c->cr) cairo_destroy(c->cr);
    if (c->surface) cairo_surface_destroy(c->surface);
    c->cr = NULL;
    c->surface = NULL;
    return 0;
}

static int canvas_tostring(lua_State *L)
{
    ss_canvas *c = luaL_checkudata(L, 1, SS_CANVAS);
    lua_pushfstring(L, "canvas %d x %d%s", c->w, c->h, c->cr ? "" : " (released)");
    return 1;
}

/* new(width, height[, background]) */
static int canvas_new(lua_State *L)
{
    lua_Integer w = luaL_checkinteger(L, 1), h = luaL_checkinteger(L, 2);
    if (w < 1 || h < 1 || w > MAX_SIDE || h > MAX_SIDE)
        return luaL_error(L, "canvas: expected sides from 1 to %d, got %I x %I", MAX_SIDE, w, h);
    lua_settop(L, 3);
    ss_canvas *c = lua_newuserdatauv(L, sizeof *c, 0);
    *c = (ss_canvas){.w = (int)w, .h = (int)h};
    luaL_setmetatable(L, SS_CANVAS);
    c->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, c->w, c->h);
    c->cr = cairo_create(c->surface);
    if (cairo_status(c->cr) != CAIRO_STATUS_SUCCESS)
        return luaL_error(L, "canvas: %s", cairo_status_to_string(cairo_status(c->cr)));
    if (lua_isnoneornil(L, 3))
        cairo_set_source_rgb(c->cr, 1, 1, 1);
    else
        ssL_color(L, c->cr, 3);
    cairo_paint(c->cr);
    return 1;
}

int ssL_open_canvas(lua_State *L)
{
    static const luaL_Reg methods[] = {{"fill", canvas_fill},
                                       {"rect", canvas_rect},
                                       {"circle", canvas_circle},
                                       {"line", canvas_line},
                                       {"text", canvas_text},
                                       {"text_size", canvas_text_size},
                                       {"size", canvas_size},
                                       {"image", ssL_canvas_image},
                                       {"outline", ssL_canvas_outline},
                                       {"save", canvas_save},
                                       {"pixel", canvas_pixel},
                                       {"release", canvas_gc},
                                       {"png", canvas_png},
                                       {NULL, NULL}};
    luaL_newmetatable(L, SS_CANVAS);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, canvas_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, canvas_gc);
    lua_setfield(L, -2, "__close");
    lua_pushcfunction(L, canvas_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, canvas_new);
    lua_setfield(L, -2, "new");
    return 1;
}
