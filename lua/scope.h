/* scope.h — scopes as C sees them, for scope.c and checkpoint.c. */
#ifndef SEMISAM_SCOPE_H
#define SEMISAM_SCOPE_H
#include "ssl.h"

struct ssL_scope {
    ssL_scope *parent;
    ssL_box *head;
    bool open;
};

/* Scopes nest; ending one ends those opened inside it. [-0, +0, -] */
void ssL_scope_begin(ssL_state *S, ssL_scope *s);
void ssL_scope_end(ssL_state *S, ssL_scope *s);

/* ssL_scoped_call() — lua_pcall in a scope of its own; results move to the scope outside. Returns
 * lua_pcall's status. [-(narg+1), +results or error, -] */
int ssL_scoped_call(lua_State *L, int narg);

int ssL_checkpoint(lua_State *L); /* the Lua function checkpoint(fn, ...) */
#endif
