/* system.c — signals and small questions to the operating system. */
#include "system.h"
#include "weights.h"
#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SHORTENED = 74 }; /* exit status: EX_IOERR */

static volatile sig_atomic_t caught, held;
static lua_State *state;
static ss_ctx *context;

static void interrupt(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    lua_sethook(L, NULL, 0, 0);
    luaL_error(L, "interrupted");
}

static void on_signal(int sig)
{
    if (caught) {
        signal(sig, SIG_DFL);
        raise(sig);
        return;
    }
    caught = sig;
    if (held) return;
    if (context) ss_ctx_cancel(context, 1);
    lua_sethook(state, interrupt, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

static void say(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0) return;
}

/* Bytes of a mapped file that are there no more. Nothing can go on without them; checkpoints are
 * whole files of their own. */
static void on_bus_error(int sig, siginfo_t *info, void *unused)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    (void)unused;
    const char *path = ss_weights_mapped(info->si_addr);
    if (path) {
        while (atomic_flag_test_and_set(&told))
            pause(); /* another thread says it and ends us all */
        say("semisam: ");
        say(path);
        say(": was changed while its weights were in use; replace such files by renaming\n");
        _exit(SHORTENED);
    }
    signal(sig, SIG_DFL); /* comes again */
}

void ssL_signals(lua_State *L, ss_ctx *ctx)
{
    state = L;
    context = ctx;
    /* No SA_RESTART: a read from the terminal ends at once. A signal that the parent ignores (a job
     * under nohup) stays ignored. */
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction old, sa = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(signals[i], &sa, NULL);
    }
    sigaction(SIGBUS, &(struct sigaction){.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO},
              NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error of the write */
}

int ssL_signal(void)
{
    return caught;
}

void ssL_signal_clear(void)
{
    caught = 0;
    if (state) lua_sethook(state, NULL, 0, 0);
    if (context) ss_ctx_cancel(context, 0);
}

bool ssL_signal_hold(bool on)
{
    bool before = held != 0;
    held = on;
    return before;
}

/* signal() — the name of the signal that asks the program to stop, or nil. */
static int system_signal(lua_State *L)
{
    int s = caught;
    if (!s) return 0;
    lua_pushstring(L, s == SIGINT ? "INT" : s == SIGTERM ? "TERM" : "HUP");
    lua_pushinteger(L, s);
    return 2;
}

static int system_clear(lua_State *L)
{
    (void)L;
    ssL_signal_clear();
    return 0;
}

/* hold(on) — while on, the first signal only shows in signal(); the caller stops by itself. */
static int system_hold(lua_State *L)
{
    held = lua_toboolean(L, 1);
    return 0;
}

static int system_isatty(lua_State *L)
{
    lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
    return 1;
}

/* columns() — width of the terminal, 80 if there is none. */
static int system_columns(lua_State *L)
{
    struct winsize w = {0};
    int n = 80;
    for (int fd = 2; fd >= 0; fd--)
        if (ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col) n = w.ws_col;
    lua_pushinteger(L, n);
    return 1;
}

/* clock() — seconds of a clock that never jumps. */
static int system_clock(lua_State *L)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    lua_pushnumber(L, (double)t.tv_sec + 1e-9 * (double)t.tv_nsec);
    return 1;
}

/* sleep(seconds) — ends early when a signal comes. */
static int system_sleep(lua_State *L)
{
    double s = luaL_checknumber(L, 1);
    if (!(s > 0)) return 0;
    if (s > 1e6) s = 1e6;
    struct timespec t = {.tv_sec = (time_t)s};
    t.tv_nsec = (long)((s - (double)t.tv_sec) * 1e9);
    nanosleep(&t, NULL);
    return 0;
}

/* list(folder) — sorted names, or nil and a sentence. */
static int system_list(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    struct dirent **names = NULL;
    int n = scandir(path, &names, NULL, alphasort);
    if (n < 0) {
        lua_pushnil(L);
        lua_pushfstring(L, "%s: %s", path, strerror(errno));
        return 2;
    }
    lua_createtable(L, n, 0);
    int k = 0;
    for (int i = 0; i < n; i++) {
        if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0) {
            lua_pushstring(L, names[i]->d_name);
            lua_rawseti(L, -2, ++k);
        }
        free(names[i]);
    }
    free(names);
    return 1;
}

/* kind(path) — "file", "folder", "other" or nil; then bytes. */
static int system_kind(lua_State *L)
{
    struct stat st;
    if (stat(luaL_checkstring(L, 1), &st) != 0) {
        lua_pushnil(L);
        lua_pushstring(L, strerror(errno));
        return 2;
    }
    lua_pushstring(L, S_ISREG(st.st_mode) ? "file" : S_ISDIR(st.st_mode) ? "folder" : "other");
    lua_pushinteger(L, (lua_Integer)st.st_size);
    return 2;
}

static int system_writable(lua_State *L)
{
    lua_pushboolean(L, access(luaL_checkstring(L, 1), W_OK) == 0);
    return 1;
}

/* cpus() — processors this process may use; memory() — bytes of RAM, bytes not in use. */
static int system_cpus(lua_State *L)
{
    lua_pushinteger(L, sysconf(_SC_NPROCESSORS_ONLN));
    return 1;
}

static int system_memory(lua_State *L)
{
    lua_Integer page = sysconf(_SC_PAGESIZE);
    lua_pushinteger(L, page * sysconf(_SC_PHYS_PAGES));
    lua_pushinteger(L, page * sysconf(_SC_AVPHYS_PAGES));
    return 2;
}

int ssL_open_system(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"signal", system_signal},    {"clear", system_clear},
        {"hold", system_hold},        {"isatty", system_isatty},
        {"clock", system_clock},      {"sleep", system_sleep},
        {"columns", system_columns},  {"list", system_list},
        {"kind", system_kind},        {"writable", system_writable},
        {"cpus", system_cpus},        {"memory", system_memory},
        {"libraries", ssL_libraries}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
