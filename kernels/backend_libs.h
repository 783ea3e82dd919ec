/* backend_libs.h — the second function a backend module exports, for people to read: which
 * libraries it finds. Apart from backend.h, so that kernels do not depend on it. */
#ifndef SEMISAM_BACKEND_LIBS_H
#define SEMISAM_BACKEND_LIBS_H
#include <stdbool.h>

typedef struct ss_library {
    char name[16];
    bool found;
    char text[300]; /* its version, or why it was not found */
} ss_library;

/* The i-th library from 0, loading it; false beyond the last. */
bool ss_backend_library(int i, ss_library *out);
#endif
