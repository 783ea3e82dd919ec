/* libs_load.c — finds cuBLASLt, cuDNN and NCCL and looks their functions up. */
#include "libs_load.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef SS_EMULATE /* the emulator brings its own loader */
#include <dlfcn.h>
#endif

typedef struct symbol {
    const char *name;
    size_t at; /* where its address goes in the table */
} symbol;

typedef struct library {
    const char *name, *soname[3];
    const symbol *symbols;
    size_t nsymbol;
    void *table;
    bool ready;
    char why[300];
} library;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- finding -------------------------------------------------------------------- */

static void *in_folder(const char *folder, size_t n, const char *sub, const char *soname)
{
    char path[600];
    if (n == 0 ||
        snprintf(path, sizeof path, "%.*s%s/%s", (int)n, folder, sub, soname) >= (int)sizeof path)
        return NULL;
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

static void *in_given_folders(const char *soname)
{
    const char *at = getenv("SEMISAM_CUDA_LIBS");
    void *so = NULL;
    while (at && *at && !so) {
        const size_t n = strcspn(at, ":");
        so = in_folder(at, n, "", soname);
        at += n + (at[n] == ':');
    }
    return so;
}

static void *find(const char *soname)
{
    static const char *const homes[] = {"CUDA_HOME", "CUDA_PATH"};
    static const char *const folders[] = {"/usr/local/cuda/lib64", "/usr/local/cuda/lib",
                                          "/usr/lib/x86_64-linux-gnu",
                                          "/usr/local/cuda/targets/x86_64-linux/lib"};
    void *so = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    if (!so) so = in_given_folders(soname);
    for (size_t i = 0; i < sizeof homes / sizeof *homes && !so; i++) {
        const char *home = getenv(homes[i]);
        if (home) so = in_folder(home, strlen(home), "/lib64", soname);
    }
    for (size_t i = 0; i < sizeof folders / sizeof *folders && !so; i++)
        so = in_folder(folders[i], strlen(folders[i]), "", soname);
    return so;
}

static bool open_library(library *l)
{
    void *so = NULL;
    const char *soname = NULL;
    for (size_t i = 0; i < sizeof l->soname / sizeof *l->soname && l->soname[i] && !so; i++)
        so = find(soname = l->soname[i]);
    if (!so) {
        snprintf(l->why, sizeof l->why,
                 "%s was not found (%s%s%s); install it or name its folder "
                 "in SEMISAM_CUDA_LIBS",
                 l->name, l->soname[0], l->soname[1] ? " or " : "",
                 l->soname[1] ? l->soname[1] : "");
        return false;
    }
    for (size_t i = 0; i < l->nsymbol; i++) {
        void *f = dlsym(so, l->symbols[i].name);
        if (!f) {
            snprintf(l->why, sizeof l->why, "%s (%s) has no %s: it is too old", l->name, soname,
                     l->symbols[i].name);
            dlclose(so);
            return false;
        }
        memcpy((char *)l->table + l->symbols[i].at, &f, sizeof f);
    }
    return true;
}

static bool load(library *l, char *why, size_t n)
{
    pthread_mutex_lock(&lock);
    if (!l->ready) l->ready = open_library(l);
    if (!l->ready && n) snprintf(why, n, "%s", l->why);
    const bool ready = l->ready;
    pthread_mutex_unlock(&lock);
    return ready;
}

#if SS_HAS_CUBLASLT
/* The one of our own toolkit first. */
#if defined CUDART_VERSION && CUDART_VERSION < 13000
#define LT_SONAMES                                                                                 \
    {                                                                                              \
        "libcublasLt.so.12", "libcublasLt.so.13"                                                   \
    }
#else
#define LT_SONAMES                                                                                 \
    {                                                                                              \
        "libcublasLt.so.13", "libcublasLt.so.12"                                                   \
    }
#endif

const ss_lt_functions *ss_lt_load(char *why, size_t n)
{
#define SYMBOL(f) {#f, offsetof(ss_lt_functions, f)},
    static const symbol symbols[] = {SS_LT_FUNCTIONS(SYMBOL)};
#undef SYMBOL
    static ss_lt_functions table;
    static library l = {.name = "cuBLASLt",
                        .soname = LT_SONAMES,
                        .symbols = symbols,
                        .nsymbol = sizeof symbols / sizeof *symbols,
                        .table = &table};
    return load(&l, why, n) ? &table : NULL;
}
#endif

#if SS_HAS_CUDNN
const ss_dnn_functions *ss_dnn_load(char *why, size_t n)
{
#define SYMBOL(f) {#f, offsetof(ss_dnn_functions, f)},
    static const symbol symbols[] = {SS_DNN_FUNCTIONS(SYMBOL)};
#undef SYMBOL
    static ss_dnn_functions table;
    static library l = {.name = "cuDNN",
                        .soname = {"libcudnn.so.9"},
                        .symbols = symbols,
                        .nsymbol = sizeof symbols / sizeof *symbols,
                        .table = &table};
    return load(&l, why, n) ? &table : NULL;
}
#endif

#if SS_HAS_NCCL
const ss_nccl_functions *ss_nccl_load(char *why, size_t n)
{
#define SYMBOL(f) {#f, offsetof(ss_nccl_functions, f)},
    static const symbol symbols[] = {SS_NCCL_FUNCTIONS(SYMBOL)};
#undef SYMBOL
    static ss_nccl_functions table;
    static library l = {.name = "NCCL",
                        .soname = {"libnccl.so.2"},
                        .symbols = symbols,
                        .nsymbol = sizeof symbols / sizeof *symbols,
                        .table = &table};
    return load(&l, why, n) ? &table : NULL;
}
#endif
