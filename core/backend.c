/* backend.c — finds the CUDA module, loads it once per process and opens its devices. */
#include "core.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    const ss_backend *b;
    const ss_twin **twin; /* by ss_op_at's numbers */
    bool (*library)(int i, ss_library *out);
    char path[1024], why[1400];
} module;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* $SEMISAM_CUDA_MODULE, else semisam_cuda.so beside the program, else ../lib/semisam of it. */
static bool find(char *path, size_t n)
{
    const char *given = getenv("SEMISAM_CUDA_MODULE");
    if (given && *given) return snprintf(path, n, "%s", given) > 0;
    char exe[900];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (len <= 0) return false;
    exe[len] = 0;
    char *slash = strrchr(exe, '/');
    if (!slash) return false;
    *slash = 0;
    static const char *const places[] = {"semisam_cuda.so", "../lib/semisam/semisam_cuda.so"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(path, n, "%s/%s", exe, places[i]);
        if (access(path, R_OK) == 0) return true;
    }
    return false;
}

static void index_twins(const ss_backend *b)
{
    module.twin = calloc((size_t)ss_op_count() + 1, sizeof *module.twin);
    for (int i = 0; module.twin && i < b->ntwin; i++)
        for (int k = 0; k < ss_op_count(); k++)
            if (strcmp(ss_op_at(k)->name, b->twin[i]->name) == 0) module.twin[k] = b->twin[i];
}

static void load(void)
{
    if (!find(module.path, sizeof module.path)) {
        snprintf(module.why, sizeof module.why, "this build has no CUDA module (semisam_cuda.so)");
        module.path[0] = 0;
        return;
    }
    void *so = dlopen(module.path, RTLD_NOW | RTLD_LOCAL);
    const ss_backend *(*get)(void) = NULL;
    if (so) *(void **)&get = dlsym(so, "ss_backend_get");
    if (so) *(void **)&module.library = dlsym(so, "ss_backend_library");
    const ss_backend *b = get ? get() : NULL;
    if (!b)
        snprintf(module.why, sizeof module.why, "the CUDA module could not be loaded: %s",
                 so ? "it exports no ss_backend_get" : dlerror());
    else if (b->abi != SS_BACKEND_ABI)
        snprintf(module.why, sizeof module.why,
                 "%s belongs to another version of semisam (interface %u, expected %d)",
                 module.path, b->abi, SS_BACKEND_ABI);
    else
        index_twins(module.b = b);
    if (!module.b && so) dlclose(so);
}

const ss_backend *ss__backend(char *why, size_t n)
{
    pthread_once(&once, load);
    if (!module.b && n) snprintf(why, n, "%.*s", (int)n - 1, module.why);
    return module.b;
}

const ss_twin *ss__twin(const ss_opinfo *op)
{
    pthread_once(&once, load);
    return module.twin ? module.twin[op - ss_op_at(0)] : NULL;
}

ss_status ss__run_twin(const ss_twin *twin, ss_device *d, ss_call *c)
{
    module.b->select(d->gpu);
    return twin->run(c, d->gpu);
}

ss_status ss__open_gpu(ss_device *d, int index)
{
    char why[600] = "";
    const ss_backend *b = ss__backend(why, sizeof why);
    const int n = b ? b->count(why, sizeof why) : 0;
    if (n == 0) return ss_ctx_fail(d->ctx, SS_E_DEVICE, "device '%s': %s", d->name, why);
    if (index >= n)
        return ss_ctx_fail(d->ctx, SS_E_DEVICE, "device '%s': there %s %d (cuda:0%s%.0d)", d->name,
                           n == 1 ? "is only" : "are only", n, n > 1 ? " to cuda:" : "",
                           n > 1 ? n - 1 : 0);
    d->gpu = b->open(index, why, sizeof why);
    if (!d->gpu) return ss_ctx_fail(d->ctx, SS_E_CUDA, "device '%s': %s", d->name, why);
    ss_gpu_info info;
    b->info(d->gpu, &info);
    d->mem.budget = info.free_bytes;
    return SS_OK;
}

static ss_status done(ss_device *d, ss_status s)
{
    if (s == SS_OK) return s;
    return ss_ctx_fail(d->ctx, s, "%s: %s", d->name, ss__backend(NULL, 0)->error(d->gpu));
}

ss_status ss__to_host(ss_device *d, void *to, const void *p, size_t n)
{
    if (d->gpu) return done(d, ss__backend(NULL, 0)->read(d->gpu, to, p, n));
    memcpy(to, p, n);
    return SS_OK;
}

ss_status ss__to_device(ss_device *d, void *p, const void *from, size_t n)
{
    if (d->gpu) return done(d, ss__backend(NULL, 0)->write(d->gpu, p, from, n));
    memcpy(p, from, n);
    return SS_OK;
}

/* ---- what programs may ask --------------------------------------------------------- */

ss_status ss_cuda_report(ss_cuda_info *out)
{
    *out = (ss_cuda_info){0};
    const ss_backend *b = ss__backend(out->why, sizeof out->why);
    snprintf(out->path, sizeof out->path, "%s", module.path);
    if (!b) return SS_E_DEVICE;
    snprintf(out->build, sizeof out->build, "%s", b->build);
    out->twins = b->ntwin;
    out->devices = b->count(out->why, sizeof out->why);
    return out->devices ? SS_OK : SS_E_DEVICE;
}

bool ss_cuda_library(int i, ss_library *out)
{
    return ss__backend(NULL, 0) && module.library && module.library(i, out);
}

ss_status ss_cuda_device_get(ss_ctx *ctx, int index, ss_cuda_device *out)
{
    char name[32];
    *out = (ss_cuda_device){0};
    snprintf(name, sizeof name, "cuda:%d", index);
    ss_device *d = ss__device(ctx, name);
    if (!d) return SS_E_DEVICE;
    ss_gpu_info info;
    ss__backend(NULL, 0)->info(d->gpu, &info);
    snprintf(out->name, sizeof out->name, "%.*s", (int)sizeof out->name - 1, info.name);
    out->capability = info.capability;
    out->multiprocessors = info.multiprocessors;
    out->bytes = info.bytes;
    out->free_bytes = info.free_bytes;
    return SS_OK;
}

bool ss_cuda_has(const ss_opinfo *op)
{
    return op->view || ss__twin(op) != NULL;
}

ss_status ss_wait(ss_ctx *ctx, const char *device)
{
    ss_device *d = ss__device(ctx, device);
    if (!d) return SS_E_DEVICE;
    return d->gpu ? done(d, ss__backend(NULL, 0)->wait(d->gpu)) : SS_OK;
}
