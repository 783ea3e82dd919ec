/* few_twins.c — a module without a single operation, on the emulator: what the engine says then.
 * With $FEW_TWINS_ABI it claims to be of another version. */
#include "backend.h"
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

const ss_backend *ss_backend_get(void);

__attribute__((visibility("default"))) const ss_backend *ss_backend_get(void)
{
    static ss_backend b;
    Dl_info here;
    char path[PATH_MAX], copy[PATH_MAX];
    if (!dladdr((void *)&b, &here)) return NULL;
    snprintf(copy, sizeof copy, "%s", here.dli_fname);
    snprintf(path, sizeof path, "%s/../semisam_emulated.so", dirname(copy));
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const ss_backend *(*get)(void) = NULL;
    if (so) *(void **)&get = dlsym(so, "ss_backend_get");
    if (!get) return NULL;
    b = *get();
    b.ntwin = 0;
    const char *abi = getenv("FEW_TWINS_ABI");
    if (abi) b.abi = (unsigned)atoi(abi);
    return &b;
}
