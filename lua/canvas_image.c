/* canvas_image.c — pixels and label contours on a canvas. */
#include "canvas.h"
#include "semisam.h"
#include "ssl.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A contiguous copy of a tensor's bytes, checked to be [h, w] or, if `rgb`, [h, w, 3]. Lua owns the
 * copy: it is left on the stack. */
static const void *pixels(lua_State *L, int i, bool rgb, ss_view *v)
{
    ss_tensor *x = ssL_checktensor(L, i);
    *v = *ss_tensor_view(x);
    bool flat = v->ndim == 2, colour = v->ndim == 3 && v->shape[2] == 3;
    if (!(flat || (rgb && colour)) || v->count == 0)
        luaL_argerror(L, i, rgb ? "expected [h, w] or [h, w, 3]" : "expected labels [h, w]");
    size_t n = ss_tensor_bytes(x);
    void *p = lua_newuserdatauv(L, n, 0);
    ss_status s = ss_tensor_read(x, p, n);
    if (s != SS_OK) ssL_raise(L, s);
    return p;
}

/* Element k as a number; NaN for a type that is no picture. */
static double element(const ss_view *v, const void *p, int64_t k)
{
    switch (v->dtype) {
    case SS_F32:
        return (double)((const float *)p)[k];
    case SS_U8:
    case SS_BOOL:
        return ((const uint8_t *)p)[k];
    case SS_I32:
        return ((const int32_t *)p)[k];
    case SS_I64:
        return (double)((const int64_t *)p)[k];
    default:
        return NAN;
    }
}

static unsigned level(double x, double lo, double hi)
{
    double t = (x - lo) / (hi - lo);
    if (!(t > 0)) return 0; /* NaN too */
    return t >= 1 ? 255 : (unsigned)lrint(t * 255);
}

static double option(lua_State *L, int i, const char *key, double deflt)
{
    if (lua_type(L, i) != LUA_TTABLE) return deflt;
    lua_getfield(L, i, key);
    double v = luaL_optnumber(L, -1, deflt);
    lua_pop(L, 1);
    return v;
}

/* image(x, y, w, h, tensor, {lo =, hi =, smooth =}): grey [h, w] or colour [h, w, 3], stretched to
 * w x h pixels. lo is black, hi white; the default is 0..255 for u8 and 0..1 otherwise. NaN is
 * black. smooth = false shows pixels as squares. */
int ssL_canvas_image(lua_State *L)
{
    ss_canvas *c = ssL_checkcanvas(L, 1);
    double x = luaL_checknumber(L, 2), y = luaL_checknumber(L, 3);
    double w = luaL_checknumber(L, 4), h = luaL_checknumber(L, 5);
    if (!(w > 0 && h > 0)) return luaL_error(L, "image: expected a positive size");
    ss_view v;
    lua_settop(L, 7);
    const void *p = pixels(L, 6, true, &v);
    if (v.dtype == SS_F16 || v.dtype == SS_BF16)
        return luaL_argerror(L, 6,
                             "expected u8, bool, i32, i64 or f32; convert with x:to(\"f32\")");
    double lo = option(L, 7, "lo", 0), hi = option(L, 7, "hi", v.dtype == SS_U8 ? 255 : 1);
    bool smooth = true;
    if (lua_istable(L, 7)) {
        smooth = lua_getfield(L, 7, "smooth") == LUA_TNIL || lua_toboolean(L, -1);
        lua_pop(L, 1);
    }
    if (v.shape[0] > 16384 || v.shape[1] > 16384)
        return luaL_argerror(L, 6, "a side is over 16384 pixels");
    int ih = (int)v.shape[0], iw = (int)v.shape[1], nc = v.ndim == 3 ? 3 : 1;
    cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, iw, ih);
    if (cairo_surface_status(s) != CAIRO_STATUS_SUCCESS) {
        cairo_surface_destroy(s);
        return luaL_error(L, "image: out of memory");
    }
    unsigned char *data = cairo_image_surface_get_data(s);
    int stride = cairo_image_surface_get_stride(s);
    for (int r = 0; r < ih; r++) {
        uint32_t *row = (uint32_t *)(void *)(data + (size_t)r * (size_t)stride);
        for (int q = 0; q < iw; q++) {
            int64_t k = ((int64_t)r * iw + q) * nc;
            unsigned a = level(element(&v, p, k), lo, hi), b = a, d = a;
            if (nc == 3) {
                b = level(element(&v, p, k + 1), lo, hi);
                d = level(element(&v, p, k + 2), lo, hi);
            }
            row[q] = a << 16 | b << 8 | d;
        }
    }
    cairo_surface_mark_dirty(s);
    cairo_save(c->cr);
    cairo_rectangle(c->cr, x, y, w, h);
    cairo_clip(c->cr);
    cairo_translate(c->cr, x, y);
    cairo_scale(c->cr, w / iw, h / ih);
    cairo_set_source_surface(c->cr, s, 0, 0);
    cairo_pattern_set_filter(cairo_get_source(c->cr),
                             smooth ? CAIRO_FILTER_GOOD : CAIRO_FILTER_NEAREST);
    cairo_pattern_set_extend(cairo_get_source(c->cr), CAIRO_EXTEND_PAD);
    cairo_paint(c->cr);
    cairo_restore(c->cr);
    cairo_surface_destroy(s);
    lua_settop(L, 1);
    return 1;
}

static bool inside(const ss_view *v, const void *p, double label, int64_t r, int64_t q)
{
    return r >= 0 && q >= 0 && r < v->shape[0] && q < v->shape[1] &&
           element(v, p, r * v->shape[1] + q) == label;
}

static void segment(cairo_t *cr, const double *from, const double *to)
{
    cairo_move_to(cr, from[0], from[1]);
    cairo_line_to(cr, to[0], to[1]);
}

/* Marching squares over the pixels' centres: the contour passes half way between a pixel of `label`
 * and its neighbour. */
static void contour(cairo_t *cr, const ss_view *v, const void *p, double label, double sx,
                    double sy)
{
    for (int64_t r = -1; r < v->shape[0]; r++) {
        for (int64_t q = -1; q < v->shape[1]; q++) {
            int code = inside(v, p, label, r, q) | inside(v, p, label, r, q + 1) << 1 |
                       inside(v, p, label, r + 1, q + 1) << 2 | inside(v, p, label, r + 1, q) << 3;
            if (code == 0 || code == 15) continue;
            double x = (double)q + 1, y = (double)r + 1; /* the corner the four pixels share */
            const double top[] = {x * sx, (y - 0.5) * sy}, bottom[] = {x * sx, (y + 0.5) * sy};
            const double left[] = {(x - 0.5) * sx, y * sy}, right[] = {(x + 0.5) * sx, y * sy};
            bool top_left = code == 1 || code == 14 || code == 10 || code == 5;
            if (top_left) segment(cr, left, top);
            if (code == 2 || code == 13) segment(cr, top, right);
            if (code == 4 || code == 11 || code == 5 || code == 10) segment(cr, right, bottom);
            if (code == 8 || code == 7) segment(cr, bottom, left);
            if (code == 3 || code == 12) segment(cr, left, right);
            if (code == 6 || code == 9) segment(cr, top, bottom);
        }
    }
}

/* outline(x, y, w, h, labels, label, {color =, width =}): the border of the pixels equal to `label`
 * in labels [h, w], stretched to w x h pixels. */
int ssL_canvas_outline(lua_State *L)
{
    ss_canvas *c = ssL_checkcanvas(L, 1);
    double x = luaL_checknumber(L, 2), y = luaL_checknumber(L, 3);
    double w = luaL_checknumber(L, 4), h = luaL_checknumber(L, 5);
    double label = luaL_checknumber(L, 7);
    lua_settop(L, 8);
    ss_view v;
    const void *p = pixels(L, 6, false, &v);
    if (lua_istable(L, 8) && lua_getfield(L, 8, "color") != LUA_TNIL)
        ssL_color(L, c->cr, -1);
    else
        cairo_set_source_rgb(c->cr, 1, 0, 0);
    ssL_stroke_style(L, c->cr, 8);
    cairo_save(c->cr);
    cairo_new_path(c->cr);
    cairo_translate(c->cr, x, y);
    cairo_rectangle(c->cr, 0, 0, w, h);
    cairo_clip(c->cr);
    contour(c->cr, &v, p, label, w / (double)v.shape[1], h / (double)v.shape[0]);
    cairo_set_line_cap(c->cr, CAIRO_LINE_CAP_ROUND);
    cairo_stroke(c->cr);
    cairo_restore(c->cr);
    lua_settop(L, 1);
    return 1;
}
