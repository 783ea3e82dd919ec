/* error.h — one sentence about a failure, for code that runs on any thread and knows no context. */
#ifndef SEMISAM_ERROR_H
#define SEMISAM_ERROR_H
#include "types.h"

typedef struct ss_error {
    ss_status status;
    char msg[480];
} ss_error;

/* ss_error_set() — fills *err (NULL is fine) and returns s. The sentence says what was expected and
 * what came; paths and values go in through "%s"-style arguments, never as the format. */
__attribute__((format(printf, 3, 4))) ss_status ss_error_set(ss_error *err, ss_status s,
                                                             const char *fmt, ...);
#endif
