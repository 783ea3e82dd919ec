/* t.h — checks for C tests. A test file is a program:
 *
 *     #include "t.h"
 *     static void test_sum(void) { T_INT(1 + 1, 2); }
 *     int main(void) { T_RUN(test_sum); return t_done(); }
 *
 * A failed check prints both values and the test goes on. The last line is "N passed, N failed". */
#ifndef SEMISAM_TEST_H
#define SEMISAM_TEST_H
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int t_passed, t_failed, t_bad; /* t_bad: failed checks of the running test */

static inline bool t_check(bool ok, const char *file, int line, const char *what)
{
    if (!ok) {
        t_bad++;
        printf("%s:%d: %s\n", file, line, what);
    }
    return ok;
}

static inline bool t_int(int64_t got, int64_t want, const char *file, int line, const char *what)
{
    if (!t_check(got == want, file, line, what))
        printf("  got %lld, want %lld\n", (long long)got, (long long)want);
    return got == want;
}

static inline bool t_near(double got, double want, double tol, const char *file, int line,
                          const char *what)
{
    bool ok = got == want || (isnan(got) && isnan(want)) || fabs(got - want) <= tol;
    if (!t_check(ok, file, line, what))
        printf("  got %.9g, want %.9g within %.3g\n", got, want, tol);
    return ok;
}

static inline bool t_str(const char *got, const char *want, bool part, const char *file, int line,
                         const char *what)
{
    bool ok = got && (part ? strstr(got, want) != NULL : strcmp(got, want) == 0);
    if (!t_check(ok, file, line, what))
        printf("  got \"%s\", want %s\"%s\"\n", got ? got : "(null)", part ? "a text with " : "",
               want);
    return ok;
}

/* Each gives whether it held, so that a test can stop: if (!T_OK(p)) return; */
#define T_OK(cond) t_check((cond), __FILE__, __LINE__, #cond)
#define T_INT(got, want) t_int((int64_t)(got), (int64_t)(want), __FILE__, __LINE__, #got)
#define T_NEAR(got, want, tol) t_near((got), (want), (tol), __FILE__, __LINE__, #got)
#define T_STR(got, want) t_str((got), (want), false, __FILE__, __LINE__, #got)
#define T_HAS(got, part) t_str((got), (part), true, __FILE__, __LINE__, #got)
#define T_RUN(test)                                                                                \
    do {                                                                                           \
        t_bad = 0;                                                                                 \
        test();                                                                                    \
        if (t_bad) {                                                                               \
            t_failed++;                                                                            \
            printf("FAIL %s\n", #test);                                                            \
        } else {                                                                                   \
            t_passed++;                                                                            \
        }                                                                                          \
    } while (0)

/* Prints the totals; the exit status of main. */
static inline int t_done(void)
{
    printf("%d passed, %d failed\n", t_passed, t_failed);
    return t_failed || !t_passed;
}
#endif
