/* main.c — the program `semisam`: finds its Lua files and hands them the command line. */
#include "canvas.h"
#include "ssl.h"
#include "system.h"
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATUS_INTERNAL = 70, STATUS_MEMORY = 71, STATUS_WRITE = 74 };

/* The OpenMP runtime lets a thread that waits for its siblings spin for milliseconds, which on a
 * machine with other work keeps them from the core they need (docs/design/performance.md). It reads
 * how long when it is loaded, before any code of ours: the program starts itself once more. Whoever
 * has set one of its variables has decided already. */
static void spin_less(char **argv)
{
    char exe[PATH_MAX];
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY")) return;
    const ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0 || setenv("GOMP_SPINCOUNT", "5000", 1)) return;
    exe[n] = 0;
    execv(exe, argv); /* comes back where it cannot: then everything is as it was */
}

/* Folder of the Lua files: that of the source tree when run from a build, else of the prefix. */
static void find_root(char *root, size_t n)
{
    char exe[PATH_MAX], note[PATH_MAX + 32];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);
    root[0] = 0;
    if (len <= 0) return;
    exe[len] = 0;
    *strrchr(exe, '/') = 0;
    snprintf(note, sizeof note, "%s/semisam.root", exe);
    FILE *f = fopen(note, "r");
    if (f) {
        if (fgets(root, (int)n, f)) root[strcspn(root, "\n")] = 0;
        fclose(f);
    }
    if (!root[0] && snprintf(root, n, "%s/../share/semisam", exe) >= (int)n) root[0] = 0;
}

static void preload(lua_State *L)
{
    static const luaL_Reg modules[] = {{"semisam.core", luaopen_semisam_core},
                                       {"semisam.system", ssL_open_system},
                                       {"semisam.terminal", ssL_open_terminal},
                                       {"semisam.canvas", ssL_open_canvas},
                                       {NULL, NULL}};
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    luaL_setfuncs(L, modules, 0);
    lua_pop(L, 1);
}

/* Pushes require(name). */
static void require(lua_State *L, const char *name)
{
    lua_getglobal(L, "require");
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
}

/* Everything, start-up included, runs protected. Returns the exit status. */
static int protected_main(lua_State *L)
{
    int argc = (int)lua_tointeger(L, 1);
    char **argv = lua_touserdata(L, 2);
    char root[PATH_MAX], boot[PATH_MAX + 32];
    luaL_openlibs(L);
    preload(L);
    require(L, "semisam.core");
    ssL_signals(L, ssL_ctx(L));
    find_root(root, sizeof root);
    snprintf(boot, sizeof boot, "%s/lua/semisam/boot.lua", root);
    if (luaL_loadfilex(L, boot, "t") != LUA_OK)
        return luaL_error(L, "the program's Lua files are missing: %s", lua_tostring(L, -1));
    lua_pushstring(L, root);
    lua_call(L, 1, 0);
    require(L, "semisam.cli");
    lua_getfield(L, -1, "main");
    lua_createtable(L, argc, 0);
    for (int i = 1; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i);
    }
    lua_call(L, 1, 1);
    return 1;
}

/* Standard output is a pipe that nobody reads any more (as in `semisam ops | head`), or closed. */
static bool reader_gone(void)
{
    struct pollfd p = {.fd = STDOUT_FILENO};
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLNVAL)) != 0;
}

int main(int argc, char **argv)
{
    spin_less(argv);
    setlocale(LC_CTYPE, ""); /* for editing lines in UTF-8; numbers stay as in C */
    lua_State *L = luaL_newstate();
    if (!L) {
        fputs("semisam: out of memory\n", stderr);
        return STATUS_MEMORY;
    }
    lua_pushcfunction(L, protected_main);
    lua_pushinteger(L, argc);
    lua_pushlightuserdata(L, argv);
    int rc = lua_pcall(L, 2, 1, 0);
    int status = rc == LUA_OK ? (int)lua_tointeger(L, -1) : STATUS_INTERNAL;
    if (rc != LUA_OK)
        fprintf(stderr, "semisam: %s\n",
                rc == LUA_ERRMEM ? "out of memory" : luaL_tolstring(L, -1, NULL));
    if (rc == LUA_ERRMEM) status = STATUS_MEMORY;
    lua_close(L);
    if ((fflush(stdout) != 0 || ferror(stdout)) && !reader_gone()) {
        fputs("semisam: standard output could not be written\n", stderr);
        if (status == 0) status = STATUS_WRITE;
    }
    return status;
}
