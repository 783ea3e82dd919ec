/* system.h — what the program needs of the operating system: signals, terminal, folders. */
#ifndef SEMISAM_SYSTEM_H
#define SEMISAM_SYSTEM_H
#include "semisam.h"
#include <lua.h>

/* ssL_signals() — SIGINT, SIGTERM and SIGHUP cancel the running operation of `ctx` and raise
 * "interrupted" in L; a second one ends the process. SIGPIPE is ignored. Call once. */
void ssL_signals(lua_State *L, ss_ctx *ctx);
/* The signal that came and was not cleared, 0 if none. */
int ssL_signal(void);
/* While on, a first signal is only noted. Returns what was set before. */
bool ssL_signal_hold(bool on);
/* Forget it: operations run again. */
void ssL_signal_clear(void);

int ssL_libraries(lua_State *L);     /* libraries() — a list of {name, version} */
int ssL_open_system(lua_State *L);   /* pushes the module "semisam.system" */
int ssL_open_terminal(lua_State *L); /* pushes the module "semisam.terminal" */
#endif
