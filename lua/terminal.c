/* terminal.c — one line from the person at the prompt: libedit where it was found, else fgets.
 *
 * What the keys mean is decided in Lua: `complete(line, cursor)` gets the text and the number of
 * bytes before the cursor and returns the text to insert and the text to show, each may be nil. */
#include "system.h"
#include <errno.h>
#include <lauxlib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

/* A line without its newline; nil at the end of input; false when a signal came. */
static int push_line(lua_State *L, const char *line, size_t n)
{
    if (ssL_signal()) {
        lua_pushboolean(L, 0);
    } else if (!line) {
        lua_pushnil(L);
    } else {
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r')) n--;
        lua_pushlstring(L, line, n);
    }
    return 1;
}

static int read_plain(lua_State *L, const char *prompt)
{
    if (*prompt && isatty(STDIN_FILENO)) {
        fputs(prompt, stdout);
        fflush(stdout);
    }
    char *line = NULL;
    size_t room = 0;
    errno = 0;
    ssize_t n = getline(&line, &room, stdin);
    if (n < 0 && errno == EINTR) clearerr(stdin);
    push_line(L, n < 0 ? NULL : line, n < 0 ? 0 : (size_t)n);
    free(line);
    return 1;
}

#ifdef SS_HAVE_EDIT
#include <histedit.h>

static struct {
    EditLine *el;
    History *history;
    lua_State *L; /* while a line is being read */
    char prompt[64];
} edit;

static char *prompt_text(EditLine *el)
{
    (void)el;
    return edit.prompt;
}

/* Runs `complete`, the function at stack index 2 of terminal.read. */
static unsigned char on_tab(EditLine *el, int ch)
{
    (void)ch;
    lua_State *L = edit.L;
    const LineInfo *line = el_line(el);
    int top = lua_gettop(L);
    unsigned char result = CC_NORM;
    lua_pushvalue(L, 2);
    lua_pushlstring(L, line->buffer, (size_t)(line->lastchar - line->buffer));
    lua_pushinteger(L, (lua_Integer)(line->cursor - line->buffer));
    if (lua_isfunction(L, 2) && lua_pcall(L, 2, 2, 0) == LUA_OK) {
        const char *insert = lua_tostring(L, -2), *show = lua_tostring(L, -1);
        if (insert && *insert && el_insertstr(el, insert) == 0) result = CC_REFRESH;
        if (show && *show) {
            printf("\n%s\n", show);
            fflush(stdout);
            result = CC_REDISPLAY;
        }
    }
    lua_settop(L, top);
    return result;
}

/* Waits for input; false when a signal asks to stop. Signals are let in only while it waits, so
 * that none slips in between the look and the wait. */
static bool wait_input(void)
{
    sigset_t block, before;
    sigemptyset(&block);
    sigaddset(&block, SIGINT);
    sigaddset(&block, SIGTERM);
    sigaddset(&block, SIGHUP);
    sigprocmask(SIG_BLOCK, &block, &before);
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    while (!ssL_signal() && ppoll(&p, 1, NULL, &before) < 0 && errno == EINTR) {
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return !ssL_signal();
}

/* The next character: 1, 0 at the end of input, -1 when a signal asks to stop. libedit's own reader
 * goes on after Ctrl-C. */
static int next_char(EditLine *el, wchar_t *c)
{
    (void)el;
    mbstate_t state = {0};
    for (int tries = 0; tries < 8; tries++) {
        char byte;
        if (!wait_input()) return -1;
        ssize_t n = read(STDIN_FILENO, &byte, 1);
        if (n == 0) return 0;
        if (n < 0) return -1;
        size_t got = mbrtowc(c, &byte, 1, &state);
        if (got == 1 || got == 0) return 1;            /* got 0: the character NUL */
        if (got == (size_t)-1) state = (mbstate_t){0}; /* not UTF-8: skip the byte */
    }
    return -1;
}

static bool start(void)
{
    if (edit.el) return true;
    edit.el = el_init("semisam", stdin, stdout, stderr);
    edit.history = history_init();
    if (!edit.el || !edit.history) return false;
    HistEvent ev;
    history(edit.history, &ev, H_SETSIZE, 2000);
    history(edit.history, &ev, H_SETUNIQUE, 1);
    el_set(edit.el, EL_EDITOR, "emacs");
    el_set(edit.el, EL_SIGNAL, 0);
    el_set(edit.el, EL_GETCFN, next_char);
    el_set(edit.el, EL_PROMPT, prompt_text);
    el_set(edit.el, EL_HIST, history, edit.history);
    el_set(edit.el, EL_ADDFN, "semisam-complete", "complete the word", on_tab);
    el_set(edit.el, EL_BIND, "^I", "semisam-complete", NULL);
    el_set(edit.el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(edit.el, NULL);
    return true;
}

static int read_edited(lua_State *L, const char *prompt)
{
    snprintf(edit.prompt, sizeof edit.prompt, "%s", prompt);
    edit.L = L;
    int n = 0;
    const char *line = el_gets(edit.el, &n);
    edit.L = NULL;
    return push_line(L, line, n > 0 ? (size_t)n : 0);
}

/* remember(line) — adds to the lines that the arrow keys bring back. */
static int terminal_remember(lua_State *L)
{
    const char *line = luaL_checkstring(L, 1);
    HistEvent ev;
    if (isatty(STDIN_FILENO) && start()) history(edit.history, &ev, H_ENTER, line);
    return 0;
}

static int terminal_close(lua_State *L)
{
    (void)L;
    if (edit.el) el_end(edit.el);
    if (edit.history) history_end(edit.history);
    memset(&edit, 0, sizeof edit);
    return 0;
}
#else
static int terminal_remember(lua_State *L)
{
    luaL_checkstring(L, 1);
    return 0;
}

static int terminal_close(lua_State *L)
{
    (void)L;
    return 0;
}
#endif

/* read(prompt[, complete]) — a line, nil at the end of input, false after a signal. */
static int terminal_read(lua_State *L)
{
    const char *prompt = luaL_checkstring(L, 1);
    lua_settop(L, 2);
    /* A signal ends the reading; it must not raise in the Lua code that called. */
    bool before = ssL_signal_hold(true);
#ifdef SS_HAVE_EDIT
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && start())
        read_edited(L, prompt);
    else
        read_plain(L, prompt);
#else
    read_plain(L, prompt);
#endif
    ssL_signal_hold(before);
    return 1;
}

int ssL_open_terminal(lua_State *L)
{
    static const luaL_Reg functions[] = {{"read", terminal_read},
                                         {"remember", terminal_remember},
                                         {"close", terminal_close},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
#ifdef SS_HAVE_EDIT
    lua_pushliteral(L, "libedit");
#else
    lua_pushliteral(L, "plain");
#endif
    lua_setfield(L, -2, "editor");
    return 1;
}
