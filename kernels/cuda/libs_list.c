/* libs_list.c — what `semisam doctor` says about NVIDIA's libraries. */
#include "backend_libs.h"
#include "libs_load.h"
#include <stdio.h>

/* Version numbers of all three are major * 10000 + minor * 100 + patch. */
static void tell(ss_library *out, const char *name, bool found, size_t version, const char *more)
{
    snprintf(out->name, sizeof out->name, "%s", name);
    out->found = found;
    if (found)
        snprintf(out->text, sizeof out->text, "%zu.%zu.%zu%s", version / 10000, version / 100 % 100,
                 version % 100, more);
}

static void tell_lt(ss_library *out)
{
    size_t version = 0;
    bool found = false;
#if SS_HAS_CUBLASLT
    const ss_lt_functions *lt = ss_lt_load(out->text, sizeof out->text);
    if ((found = lt != NULL)) version = lt->cublasLtGetVersion();
#else
    snprintf(out->text, sizeof out->text, "this build has none: its header was missing");
#endif
    tell(out, "cuBLASLt", found, version, "");
}

static void tell_dnn(ss_library *out)
{
    size_t version = 0;
    bool found = false;
#if SS_HAS_CUDNN
    const ss_dnn_functions *dnn = ss_dnn_load(out->text, sizeof out->text);
    if ((found = dnn != NULL)) version = dnn->cudnnGetVersion();
#else
    snprintf(out->text, sizeof out->text, "this build has none: its header was missing");
#endif
    tell(out, "cuDNN", found, version, "");
}

static void tell_nccl(ss_library *out)
{
    int version = 0;
    bool found = false;
#if SS_HAS_NCCL
    const ss_nccl_functions *nccl = ss_nccl_load(out->text, sizeof out->text);
    found = nccl && nccl->ncclGetVersion(&version) == ncclSuccess;
#else
    snprintf(out->text, sizeof out->text, "this build has none: its header was missing");
#endif
    tell(out, "NCCL", found, (size_t)version, ", not used: a training computes on one GPU");
}

__attribute__((visibility("default"))) bool ss_backend_library(int i, ss_library *out)
{
    static void (*const all[])(ss_library *) = {tell_lt, tell_dnn, tell_nccl};
    if (i < 0 || i >= (int)(sizeof all / sizeof *all)) return false;
    *out = (ss_library){.found = false};
    all[i](out);
    return true;
}
