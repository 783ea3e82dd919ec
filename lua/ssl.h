/* ssl.h — what the files of lua share. Each helper's comment ends with its effect on the stack:
 * [pops, pushes, m = may raise | - = never]. */
#ifndef SEMISAM_SSL_H
#define SEMISAM_SSL_H
#include "error.h"
#include "semisam.h"
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#define SSL_TENSOR "semisam.tensor"
#define SSL_SCOPE "semisam.scope"

typedef struct ssL_scope ssL_scope;

/* A Lua handle: one reference to a tensor. An empty box is harmless to the collector. */
typedef struct ssL_box {
    ss_tensor *t;
    ssL_scope *scope; /* whose end releases it; NULL: only the collector does */
    struct ssL_box *prev, *next;
    const char *gone; /* why t is NULL */
} ssL_box;

/* One per Lua universe, found through the extra space of every thread. */
typedef struct ssL_state {
    ss_ctx *ctx;
    ssL_scope *scope;   /* innermost open scope */
    const char *device; /* for new tensors */
    lua_State *L;       /* main thread */
    ss_error last;      /* status and sentence of the last failure that became a Lua error */
} ssL_state;

ssL_state *ssL_get(lua_State *L); /* [-0, +0, -] */
static inline ss_ctx *ssL_ctx(lua_State *L)
{
    return ssL_get(L)->ctx;
}

/* ssL_newbox() — an empty handle, registered with the innermost scope. Push it before calling the
 * core, fill box->t afterwards: no path leaks. [-0, +1, m] */
ssL_box *ssL_newbox(lua_State *L);
/* ssL_pushtensor() — handle that takes over the reference t; releases t if it raises. [-0, +1, m]
 */
void ssL_pushtensor(lua_State *L, ss_tensor *t);
ss_tensor *ssL_testtensor(lua_State *L, int i);  /* NULL if not a live tensor [-0, +0, -] */
ss_tensor *ssL_checktensor(lua_State *L, int i); /* raises, also for released ones [-0, +0, m] */

/* ssL_raise() — the core's last error as a Lua error with the position of the user's code (library
 * files are skipped). Never returns. Call it only while nothing is owned. */
int ssL_raise(lua_State *L, ss_status s);
/* ssL_raise_error() — the same for a failure recorded in an ss_error. Never returns. */
int ssL_raise_error(lua_State *L, const ss_error *err);
/* ssL_fail() — formatted error with the user's position. Never returns. */
int ssL_fail(lua_State *L, const char *fmt, ...);
/* ssL_try() — raises unless s is SS_OK. */
static inline void ssL_try(lua_State *L, ss_status s)
{
    if (s != SS_OK) ssL_raise(L, s);
}

ss_dtype ssL_checkdtype(lua_State *L, int i, const char *what); /* [-0, +0, m] */
/* ssL_checkshape() — a list of sizes at i; returns the number of axes. [-0, +0, m] */
int ssL_checkshape(lua_State *L, int i, int64_t *shape, const char *what);
void ssL_pushshape(lua_State *L, const ss_view *v); /* [-0, +1, m] */
/* ssL_pushscalar() — 0-dim tensor of the number at i: f32, or i64 for a Lua integer unless `real`.
 * [-0, +1, m] */
ss_tensor *ssL_pushscalar(lua_State *L, int i, bool real, const char *device);

/* ssL_pushelement() — element i of packed values of type t. [-0, +1, -] */
void ssL_pushelement(lua_State *L, const void *p, ss_dtype t, int64_t i);

/* ssL_readattrs() — attributes of `op` from the table of options at i as the user gave them: dims
 * unresolved, absent ones marked SS_ATTR_ABSENT (program.h). [-0, +0, m] */
void ssL_readattrs(lua_State *L, const ss_opinfo *op, int i, struct ss_attr *attr);

void ssL_scope_unlink(ssL_box *b);

/* Each adds its functions to the module table on top of the stack. [-0, +0, m] */
void ssL_open_ops(lua_State *L);
void ssL_open_tensor(lua_State *L);
void ssL_open_make(lua_State *L);
void ssL_open_scope(lua_State *L);
void ssL_open_phantom(lua_State *L);
void ssL_open_files(lua_State *L);
void ssL_open_engine(lua_State *L);
void ssL_open_summary(lua_State *L);
int luaopen_semisam_core(lua_State *L);
#endif
