/* files.h — what the bindings of core's file code share. Stack effects as in ssl.h. */
#ifndef SEMISAM_LUA_FILES_H
#define SEMISAM_LUA_FILES_H
#include "ssl.h"

/* ssL_file_error() — raises err with the function's name before it. Never returns. */
int ssL_file_error(lua_State *L, const char *fn, const ss_error *err);
static inline void ssL_file_try(lua_State *L, const char *fn, const ss_error *err, ss_status s)
{
    if (s != SS_OK) ssL_file_error(L, fn, err);
}
/* ssL_checkoptions() — the value at i is nil or a table whose keys are among `known` (ends with
 * NULL). [-0, +0, m] */
void ssL_checkoptions(lua_State *L, int i, const char *fn, const char *const *known);
/* ssL_optfield() — pushes t[name] of the options at i, nil if there are none; returns its type.
 * [-0, +1, m] */
int ssL_optfield(lua_State *L, int i, const char *name);
/* ssL_hostview() — contiguous elements in host memory of the tensor at i, valid while the pushed
 * value stays on the stack. [-0, +1, m] */
ss_view ssL_hostview(lua_State *L, int i, const char *fn);
/* ssL_pushcopy() — a new tensor on the cpu with these contiguous elements. [-0, +1, m] */
void ssL_pushcopy(lua_State *L, ss_dtype t, int ndim, const int64_t *shape, const void *data);
/* ssL_newguard() — a zeroed userdata of `bytes` whose contents `release` frees when it is
 * collected; after releasing them by hand, zero them. [-0, +1, m] */
void *ssL_newguard(lua_State *L, size_t bytes, void (*release)(void *));

/* Each adds its functions to the module table on top of the stack. [-0, +0, m] */
void ssL_open_fs(lua_State *L);
void ssL_open_nifti(lua_State *L);
void ssL_open_json(lua_State *L);
void ssL_open_safetensors(lua_State *L);
void ssL_open_weights(lua_State *L);
#endif
