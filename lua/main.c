/* main.c — the program: `semisam FILE.lua [arguments]`. */
#include "ssl.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static void set_paths(lua_State *L)
{
    char root[PATH_MAX];
    find_root(root, sizeof root);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "path");
    lua_pushfstring(L, "%s/lua/?.lua;%s/lua/?/init.lua;%s/?.lua;%s", root, root, root,
                    lua_tostring(L, -1));
    lua_setfield(L, -3, "path");
    lua_pop(L, 1);
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, luaopen_semisam_core);
    lua_setfield(L, -2, "semisam.core");
    lua_pop(L, 2);
    lua_pushstring(L, root);
    lua_setglobal(L, "SEMISAM_ROOT");
}

static int traceback(lua_State *L)
{
    const char *msg = luaL_tolstring(L, 1, NULL);
    luaL_traceback(L, L, msg, 1);
    return 1;
}

/* Everything, start-up included, runs protected. */
static int protected_main(lua_State *L)
{
    int argc = (int)lua_tointeger(L, 1);
    char **argv = lua_touserdata(L, 2);
    luaL_openlibs(L);
    set_paths(L);
    if (argc < 2) return luaL_error(L, "usage: semisam FILE.lua [arguments]");
    lua_createtable(L, argc, 0);
    for (int i = 0; i < argc; i++) lua_pushstring(L, argv[i]), lua_rawseti(L, -2, i - 1);
    lua_setglobal(L, "arg");
    if (luaL_loadfilex(L, argv[1], "t")) return lua_error(L);
    for (int i = 2; i < argc; i++) lua_pushstring(L, argv[i]);
    lua_call(L, argc - 2, 0);
    return 0;
}

int main(int argc, char **argv)
{
    lua_State *L = luaL_newstate();
    if (!L) {
        fputs("semisam: out of memory\n", stderr);
        return 71;
    }
    lua_pushcfunction(L, traceback);
    lua_pushcfunction(L, protected_main);
    lua_pushinteger(L, argc);
    lua_pushlightuserdata(L, argv);
    int rc = lua_pcall(L, 2, 0, 1);
    if (rc != LUA_OK) fprintf(stderr, "semisam: %s\n", luaL_tolstring(L, -1, NULL));
    lua_close(L);
    return rc == LUA_OK ? 0 : 1;
}
