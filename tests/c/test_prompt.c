/* The prompt on a terminal: editing, completion, Ctrl-C at the prompt, in Lua and in an operation,
 * Ctrl-D. The program is ../semisam beside this test's folder. */
#include "t.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *program = "build/dev/semisam";
static int terminal;
static pid_t child;
static char text[1 << 16]; /* what the program wrote since the last expect() that held */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void type(const char *keys)
{
    size_t n = strlen(keys);
    T_INT(write(terminal, keys, n), n);
}

/* Reads until `part` appears; forgets what came up to it. The waiting time in seconds, -1 after
 * `limit`. */
static double expect_within(const char *part, double limit, int line)
{
    double start = seconds();
    for (;;) {
        char *at = strstr(text, part);
        if (at) {
            memmove(text, at + strlen(part), strlen(at + strlen(part)) + 1);
            return seconds() - start;
        }
        struct pollfd p = {.fd = terminal, .events = POLLIN};
        double left = limit - (seconds() - start);
        size_t n = strlen(text);
        ssize_t got = -1;
        if (left > 0 && n < sizeof text - 1 && poll(&p, 1, (int)(left * 1000) + 1) == 1)
            got = read(terminal, text + n, sizeof text - 1 - n);
        if (got <= 0) break;
        text[n + (size_t)got] = 0;
    }
    char what[256];
    snprintf(what, sizeof what, "\"%s\" appears within %.1f s", part, limit);
    t_check(false, __FILE__, line, what);
    printf("  seen: %s\n", text);
    return -1;
}
#define EXPECT(part) expect_within((part), 20, __LINE__)
#define EXPECT_WITHIN(part, limit) expect_within((part), (limit), __LINE__)

static void start(void)
{
    text[0] = 0;
    struct winsize size = {.ws_row = 24, .ws_col = 100};
    child = forkpty(&terminal, NULL, NULL, &size);
    if (child == 0) {
        setenv("TERM", "xterm", 1);
        setenv("XDG_STATE_HOME", "/nonexistent", 1);
        execl(program, program, (char *)NULL);
        _exit(127);
    }
    T_OK(child > 0);
    if (child <= 0) return;
    EXPECT("help() explains");
    EXPECT("> ");
}

/* A signal to the program and to nobody else: kill() takes -1 for everyone. */
static void signal_child(int sig)
{
    if (child > 0) kill(child, sig);
}

/* Waits for the end; the exit status. */
static int finish(void)
{
    int status = 0;
    for (double until = seconds() + 20; seconds() < until;) {
        char drop[512];
        struct pollfd p = {.fd = terminal, .events = POLLIN};
        if (poll(&p, 1, 50) == 1 && read(terminal, drop, sizeof drop) <= 0) usleep(10000);
        if (waitpid(child, &status, WNOHANG) == child) {
            close(terminal);
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
    }
    signal_child(SIGKILL);
    waitpid(child, &status, 0);
    close(terminal);
    return -1;
}

/* Ctrl-D. libedit shows the prompt before it switches the terminal to single characters; until then
 * Ctrl-D would be the terminal's own. */
static int leave(void)
{
    usleep(200000);
    type("\x04");
    return finish();
}

static void test_evaluates(void)
{
    start();
    type("x = 6 * 7\n");
    EXPECT("> ");
    type("x + 0\n");
    EXPECT("\n42");
    type("for i = 1, 1 do\n");
    EXPECT(">> ");
    type("print('in' .. 'side') end\n");
    EXPECT("\ninside");
    EXPECT("> ");
    T_INT(leave(), 0);
}

static void test_completes(void)
{
    start();
    type("ss.unifo\t");
    EXPECT("rm");            /* only what is new is drawn */
    type("\x15math.ma\t\t"); /* clear the line; then two candidates are shown */
    EXPECT("max");
    EXPECT("maxinteger");
    type("\x15");
    T_INT(leave(), 0);
}

static void test_interrupts_the_line(void)
{
    start();
    type("x = (1 +");
    EXPECT("(1 +");
    type("\x03");
    EXPECT("> ");
    type("'fre' .. 'sh'\n");
    EXPECT("\"fresh\"");
    EXPECT("> ");
    T_INT(leave(), 0);
}

static void test_interrupts_lua(void)
{
    start();
    for (int i = 0; i < 5; i++) {
        type("while true do end\n");
        usleep(100000);
        type("\x03");
        double t = EXPECT_WITHIN("interrupted", 10);
        T_OK(t < 0.5);
        EXPECT("> ");
    }
    T_INT(leave(), 0);
}

static void test_interrupts_operations(void)
{
    start();
    type("x = ss.uniform({256, 256, 64}, 1);\n");
    EXPECT("> ");
    for (int i = 0; i < 5; i++) {
        type("while true do local y <close> = x:mul(x) end\n");
        usleep(200000);
        type("\x03");
        double t = EXPECT_WITHIN("interrupted", 10);
        T_OK(t < 0.5);
        EXPECT("> ");
    }
    type("x:sum():item() > 0\n");
    EXPECT("true");
    EXPECT("> ");
    T_INT(leave(), 0);
}

static void test_terminates(void)
{
    start();
    signal_child(SIGTERM);
    T_INT(finish(), 143);
}

int main(int argc, char **argv)
{
    char path[4096];
    (void)argc;
    snprintf(path, sizeof path, "%s", argv[0]);
    char *slash = strrchr(path, '/');
    if (slash) {
        snprintf(slash, sizeof path - (size_t)(slash - path), "/../semisam");
        program = path;
    }
    const int probe = posix_openpt(O_RDWR | O_NOCTTY);
    if (probe < 0 || grantpt(probe) || unlockpt(probe) || !ptsname(probe) ||
        access(ptsname(probe), R_OK)) {
        printf("skip test_prompt: no pseudo-terminal can be had (is /dev/pts mounted?)\n");
        puts("0 passed, 0 failed");
        return 0;
    }
    close(probe);
    T_RUN(test_evaluates);
    T_RUN(test_completes);
    T_RUN(test_interrupts_the_line);
    T_RUN(test_interrupts_lua);
    T_RUN(test_interrupts_operations);
    T_RUN(test_terminates);
    return t_done();
}
