/* backend.c — the module's door: devices, memory and ordered copies on the CUDA runtime. */
#include "fault.h"
#include "gpu.h"
#include "libs.h"
#include "small.h"
#include "ss_twin_table.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ss_status ss_gpu_fail(ss_gpu *g, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(g->msg, sizeof g->msg, fmt, ap);
    va_end(ap);
    return SS_E_CUDA;
}

ss_status ss_gpu_check(ss_gpu *g, cudaError_t e, const char *what)
{
    if (e == cudaSuccess) return SS_OK;
    return ss_gpu_fail(g, "%s: %s", what, cudaGetErrorString(e));
}

#define TRY(call)                                                                                  \
    do {                                                                                           \
        ss_status s_ = ss_gpu_check(g, call, #call);                                               \
        if (s_) return s_;                                                                         \
    } while (0)

static int count(char *why, size_t n)
{
    int k = 0;
    cudaError_t e = cudaGetDeviceCount(&k);
    if (e == cudaSuccess && k > 0) return k;
    if (n) snprintf(why, n, "no usable GPU: %s", e ? cudaGetErrorString(e) : "none is installed");
    return 0;
}

/* ---- opening -------------------------------------------------------------------- */

static ss_status attributes(ss_gpu *g)
{
    int major, minor, shared;
    struct cudaDeviceProp p;
    TRY(cudaSetDevice(g->index));
    TRY(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, g->index));
    TRY(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, g->index));
    TRY(cudaDeviceGetAttribute(&g->multiprocessors, cudaDevAttrMultiProcessorCount, g->index));
    TRY(cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, g->index));
    TRY(cudaGetDeviceProperties(&p, g->index));
    snprintf(g->name, sizeof g->name, "%.90s", p.name);
    g->capability = major * 10 + minor;
    g->shared_bytes = (size_t)shared;
    return SS_OK;
}

static ss_status make(ss_gpu *g)
{
    TRY(cudaStreamCreateWithFlags(&g->stream, cudaStreamNonBlocking));
    TRY(cudaStreamCreateWithFlags(&g->upload, cudaStreamNonBlocking));
    TRY(cudaEventCreateWithFlags(&g->before, cudaEventDisableTiming));
    TRY(cudaEventCreateWithFlags(&g->after, cudaEventDisableTiming));
    for (int i = 0; i < SS_STAGES; i++) {
        TRY(cudaHostAlloc(&g->stage[i].host, SS_STAGE_BYTES, cudaHostAllocDefault));
        TRY(cudaEventCreateWithFlags(&g->stage[i].idle, cudaEventDisableTiming));
    }
    return ss_faults_open(g);
}

static void close_gpu(ss_gpu *g)
{
    cudaSetDevice(g->index);
    if (g->stream) cudaStreamSynchronize(g->stream);
    ss_libs_close(g);
    ss_faults_close(g);
    for (int i = 0; i < SS_STAGES; i++) {
        if (g->stage[i].host) cudaFreeHost(g->stage[i].host);
        if (g->stage[i].idle) cudaEventDestroy(g->stage[i].idle);
    }
    if (g->before) cudaEventDestroy(g->before);
    if (g->after) cudaEventDestroy(g->after);
    if (g->upload) cudaStreamDestroy(g->upload);
    if (g->stream) cudaStreamDestroy(g->stream);
    free(g);
}

static ss_gpu *open_gpu(int index, char *why, size_t n)
{
    ss_gpu *g = calloc(1, sizeof *g);
    if (!g) {
        snprintf(why, n, "out of memory for a device");
        return NULL;
    }
    g->index = index;
    if (attributes(g) == SS_OK && make(g) == SS_OK) return g;
    snprintf(why, n, "%s", g->msg);
    close_gpu(g);
    return NULL;
}

/* Launches and library calls go to the calling thread's current device. */
static void select_gpu(ss_gpu *g)
{
    cudaSetDevice(g->index);
}

static void info(ss_gpu *g, ss_gpu_info *out)
{
    *out = (ss_gpu_info){.capability = g->capability, .multiprocessors = g->multiprocessors};
    memcpy(out->name, g->name, sizeof out->name);
    cudaSetDevice(g->index);
    cudaMemGetInfo(&out->free_bytes, &out->bytes);
}

/* ---- memory ---------------------------------------------------------------------- */

static void *alloc(ss_gpu *g, size_t bytes)
{
    void *p = NULL;
    cudaSetDevice(g->index);
    if (cudaMalloc(&p, bytes ? bytes : 1) == cudaSuccess) return p;
    cudaGetLastError(); /* a refused allocation is no lasting error */
    return NULL;
}

/* cudaFree waits for the kernels that may still use p. */
static void release(ss_gpu *g, void *p)
{
    cudaSetDevice(g->index);
    cudaFree(p);
}

/* One piece on its way up. The block it goes to may have been freed by work still queued on the
 * stream: the copy waits for that, and the stream for the copy. */
static ss_status upload(ss_gpu *g, void *to, const void *from, size_t n)
{
    ss_stage *s = &g->stage[g->next_stage];
    g->next_stage = (g->next_stage + 1) % SS_STAGES;
    TRY(cudaEventSynchronize(s->idle));
    memcpy(s->host, from, n);
    TRY(cudaEventRecord(g->before, g->stream));
    TRY(cudaStreamWaitEvent(g->upload, g->before, 0));
    TRY(cudaMemcpyAsync(to, s->host, n, cudaMemcpyHostToDevice, g->upload));
    TRY(cudaEventRecord(s->idle, g->upload));
    TRY(cudaEventRecord(g->after, g->upload));
    TRY(cudaStreamWaitEvent(g->stream, g->after, 0));
    return SS_OK;
}

static ss_status write_gpu(ss_gpu *g, void *to, const void *from, size_t bytes)
{
    TRY(cudaSetDevice(g->index));
    if (bytes <= SS_SMALL_BYTES) return bytes ? ss_write_small(g, to, from, bytes) : SS_OK;
    for (size_t at = 0; at < bytes; at += SS_STAGE_BYTES) {
        const size_t n = bytes - at < SS_STAGE_BYTES ? bytes - at : SS_STAGE_BYTES;
        ss_status s = upload(g, (char *)to + at, (const char *)from + at, n);
        if (s) return s;
    }
    return SS_OK;
}

/* The stream waits for every upload, so stage 0 is no longer read when it reaches the copy. */
static ss_status read_gpu(ss_gpu *g, void *to, const void *from, size_t bytes)
{
    TRY(cudaSetDevice(g->index));
    for (size_t at = 0; at < bytes; at += SS_STAGE_BYTES) {
        const size_t n = bytes - at < SS_STAGE_BYTES ? bytes - at : SS_STAGE_BYTES;
        ss_stage *s = &g->stage[0];
        TRY(cudaMemcpyAsync(s->host, (const char *)from + at, n, cudaMemcpyDeviceToHost,
                            g->stream));
        TRY(cudaStreamSynchronize(g->stream));
        memcpy((char *)to + at, s->host, n);
    }
    return ss_faults_look(g);
}

static ss_status copy_gpu(ss_gpu *g, void *to, const void *from, size_t bytes)
{
    TRY(cudaSetDevice(g->index));
    TRY(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, g->stream));
    return SS_OK;
}

static ss_status wait_gpu(ss_gpu *g)
{
    TRY(cudaSetDevice(g->index));
    TRY(cudaStreamSynchronize(g->stream));
    return ss_faults_look(g);
}

static const char *error(ss_gpu *g)
{
    return g->msg;
}

__attribute__((visibility("default"))) const ss_backend *ss_backend_get(void)
{
    static const ss_backend b = {
        .abi = SS_BACKEND_ABI,
        .build = SS_CUDA_BUILD,
        .count = count,
        .open = open_gpu,
        .close = close_gpu,
        .select = select_gpu,
        .info = info,
        .alloc = alloc,
        .release = release,
        .write = write_gpu,
        .read = read_gpu,
        .copy = copy_gpu,
        .wait = wait_gpu,
        .error = error,
        .ntwin = sizeof twins / sizeof *twins,
        .twin = twins,
    };
    return &b;
}
