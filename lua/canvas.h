/* canvas.h — a drawing surface for Lua, on cairo. */
#ifndef SEMISAM_CANVAS_H
#define SEMISAM_CANVAS_H
#include <cairo.h>
#include <lauxlib.h>
#include <lua.h>

#define SS_CANVAS "semisam.canvas"

typedef struct ss_canvas {
    cairo_surface_t *surface; /* RGB24, owned */
    cairo_t *cr;              /* owned */
    int w, h;
} ss_canvas;

/* ssL_checkcanvas() — the canvas at stack index i; raises. */
ss_canvas *ssL_checkcanvas(lua_State *L, int i);
/* ssL_color() — sets the source colour from {r, g, b[, a]} (0 to 1) or "#rrggbb[aa]" at index i. */
void ssL_color(lua_State *L, cairo_t *cr, int i);
/* canvas:image(x, y, w, h, tensor[, options]) */
int ssL_canvas_image(lua_State *L);
/* canvas:outline(x, y, w, h, labels, label[, style]) */
int ssL_canvas_outline(lua_State *L);
/* Pushes the module table {new}. */
int ssL_open_canvas(lua_State *L);
/* Sets line width and dash from the style table at i (absent: 1, solid); raises. */
void ssL_stroke_style(lua_State *L, cairo_t *cr, int i);
#endif
