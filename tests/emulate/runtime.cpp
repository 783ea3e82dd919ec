/* runtime.cpp — streams, events and memory of the stand-in. Nothing runs when it is asked for: a
 * wait runs queued work in an order drawn from $SS_EMULATE_SEED that keeps each stream's own order
 * and the events. $SS_EMULATE_DROP_WAIT=N leaves out the waits of the N-th place of the program
 * that waits for an event, or for a stream while work is queued, to prove that a missing one shows;
 * $SS_EMULATE_WAITS=FILE lists the places. */
#include "emulate_parts.h"
#include <deque>
#include <map>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <string>
#include <vector>

struct emu_event {
    uint64_t recorded = 0, passed = 0; /* how often asked for, how often reached */
};

struct task {
    std::function<void()> run;
    emu_event *wait = nullptr; /* not before this event has been passed so often */
    uint64_t times = 0;
};

struct emu_stream {
    std::deque<task> tasks;
};

static std::vector<emu_stream *> streams;
static cudaError_t last, lasting;
static std::string fault_text;
/* File, line and kernel (texts of the program), and the threads of its largest block. */
static std::map<std::tuple<const char *, int, const char *>, int> launched;

/* ---- the interleaving ------------------------------------------------------------------ */

static uint64_t draw(uint64_t n)
{
    static uint64_t state = 0;
    if (state == 0) {
        const char *seed = getenv("SS_EMULATE_SEED");
        state = (seed ? strtoull(seed, nullptr, 10) : 1) * 0x9E3779B97F4A7C15u | 1;
    }
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state % n;
}

static bool ready(const emu_stream *s)
{
    if (s->tasks.empty()) return false;
    const task &t = s->tasks.front();
    return !t.wait || t.wait->passed >= t.times;
}

static void run_one(emu_stream *s)
{
    task t = std::move(s->tasks.front());
    s->tasks.pop_front();
    if (t.run) t.run(); /* after a fault as well: events have to be passed */
}

/* Runs what is drawn until done() says so. Long runs on one stream are as likely as short ones. */
static void run_until(const std::function<bool()> &done)
{
    while (!done()) {
        std::vector<emu_stream *> can;
        for (emu_stream *s : streams)
            if (ready(s)) can.push_back(s);
        if (can.empty()) {
            emu::report_fault("streams wait for events that nobody records");
            return;
        }
        emu_stream *s = can[draw(can.size())];
        for (uint64_t n = draw(2) ? ~0ull : 1 + draw(4); n > 0 && ready(s) && !done(); n--)
            run_one(s);
    }
}

static bool all_idle()
{
    for (const emu_stream *s : streams)
        if (!s->tasks.empty()) return false;
    return true;
}

namespace emu
{
void queue(cudaStream_t s, std::function<void()> run)
{
    task t;
    t.run = std::move(run);
    s->tasks.push_back(std::move(t));
}
void refuse(cudaError_t e)
{
    last = e;
}
void report_fault(const char *text)
{
    if (lasting != cudaSuccess) return;
    fault_text = text;
    lasting = cudaErrorLaunchFailure;
}
bool faulted()
{
    return lasting != cudaSuccess;
}
/* The first launch of a kernel from a line, and those with larger blocks, go to the file. */
void note_launch(const launch_info &l)
{
    static const char *const log = getenv("SS_EMULATE_LAUNCHES");
    if (!log) return;
    const int n = (int)(l.block.x * l.block.y * l.block.z);
    int &most = launched[std::make_tuple(l.file, l.line, l.kernel)];
    if (most >= n) return;
    most = n;
    const char *slash = strrchr(l.file, '/');
    if (FILE *f = fopen(log, "a")) {
        fprintf(f, "%s:%d %d %s\n", slash ? slash + 1 : l.file, l.line, n, l.kernel);
        fclose(f);
    }
}
} // namespace emu

static cudaError_t said(cudaError_t e)
{
    if (e != cudaSuccess) last = e;
    return lasting != cudaSuccess ? lasting : e;
}

/* A Turing card; $SS_EMULATE_CAPABILITY is another one, 70 for sm_70. */
static int capability()
{
    const char *given = getenv("SS_EMULATE_CAPABILITY");
    return given ? atoi(given) : 75;
}
bool emu::at_least(int n)
{
    return capability() >= n;
}

extern "C" {

void emu_host_task(cudaStream_t s, void (*fn)(void *arg), void *arg)
{
    emu::queue(s, [fn, arg]() {
        fn(arg);
        free(arg);
    });
}

/* ---- devices ------------------------------------------------------------------------------- */

cudaError_t cudaGetDeviceCount(int *n)
{
    return *n = 1, cudaSuccess;
}
cudaError_t cudaSetDevice(int device)
{
    return said(device ? cudaErrorInvalidValue : cudaSuccess);
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr a, int)
{
    switch (a) {
    case cudaDevAttrMultiProcessorCount:
        return *value = 2, cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
        return *value = capability() / 10, cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
        return *value = capability() % 10, cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        return *value = 64 << 10, cudaSuccess;
    }
    return said(cudaErrorInvalidValue);
}

static const size_t MEMORY = (size_t)4 << 30;
static std::map<void *, size_t> blocks;
static size_t in_use;

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *p, int)
{
    *p = {};
    snprintf(p->name, sizeof p->name, "emulated");
    p->totalGlobalMem = MEMORY;
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total)
{
    *free_bytes = MEMORY - in_use;
    *total = MEMORY;
    return cudaSuccess;
}

/* ---- memory -------------------------------------------------------------------------------- */

cudaError_t cudaMalloc(void **p, size_t bytes)
{
    *p = nullptr;
    if (in_use + bytes > MEMORY || posix_memalign(p, 256, bytes ? bytes : 1))
        return said(cudaErrorMemoryAllocation);
    memset(*p, 0xFF, bytes);
    blocks[*p] = bytes;
    in_use += bytes;
    return said(cudaSuccess);
}

cudaError_t cudaFree(void *p)
{
    if (!p) return cudaSuccess;
    auto found = blocks.find(p);
    if (found == blocks.end()) return said(cudaErrorInvalidValue);
    run_until(all_idle);
    in_use -= found->second;
    blocks.erase(found);
    free(p);
    return said(cudaSuccess);
}

cudaError_t cudaHostAlloc(void **p, size_t bytes, unsigned)
{
    *p = malloc(bytes);
    return said(*p ? cudaSuccess : cudaErrorMemoryAllocation);
}
cudaError_t cudaFreeHost(void *p)
{
    return free(p), cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t n, enum cudaMemcpyKind,
                            cudaStream_t s)
{
    emu::queue(s, [to, from, n]() { memmove(to, from, n); });
    return said(cudaSuccess);
}

cudaError_t cudaMemsetAsync(void *p, int value, size_t n, cudaStream_t s)
{
    emu::queue(s, [p, value, n]() { memset(p, value, n); });
    return said(cudaSuccess);
}

/* ---- streams and events ---------------------------------------------------------------------- */

/* Which wait this is: the call's place in the program, counted in the order of first use. */
static bool dropped(const void *place, const char *what)
{
    static std::map<const void *, int> number;
    static const char *const which = getenv("SS_EMULATE_DROP_WAIT");
    static const char *const list = getenv("SS_EMULATE_WAITS");
    if (!which && !list) return false;
    auto found = number.find(place);
    if (found == number.end()) {
        found = number.emplace(place, (int)number.size() + 1).first;
        if (FILE *f = list ? fopen(list, "a") : nullptr) {
            fprintf(f, "%d %s\n", found->second, what);
            fclose(f);
        }
    }
    return which && found->second == atoi(which);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned)
{
    streams.push_back(*s = new emu_stream());
    return said(cudaSuccess);
}

cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
    if (!s->tasks.empty() && dropped(__builtin_return_address(0), "cudaStreamSynchronize"))
        return said(cudaSuccess);
    run_until([s]() { return s->tasks.empty(); });
    return said(cudaSuccess);
}

cudaError_t cudaStreamDestroy(cudaStream_t s)
{
    run_until([s]() { return s->tasks.empty(); });
    for (size_t i = 0; i < streams.size(); i++)
        if (streams[i] == s) streams.erase(streams.begin() + (long)i);
    delete s;
    return said(cudaSuccess);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned)
{
    *e = new emu_event();
    return said(cudaSuccess);
}
cudaError_t cudaEventDestroy(cudaEvent_t e)
{
    run_until(all_idle);
    delete e;
    return said(cudaSuccess);
}

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s)
{
    const uint64_t times = ++e->recorded;
    task t;
    t.run = [e, times]() { e->passed = times; };
    s->tasks.push_back(std::move(t));
    return said(cudaSuccess);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned)
{
    if (e->recorded == 0 || dropped(__builtin_return_address(0), "cudaStreamWaitEvent"))
        return said(cudaSuccess);
    task t;
    t.wait = e;
    t.times = e->recorded;
    s->tasks.push_back(std::move(t));
    return said(cudaSuccess);
}

cudaError_t cudaEventSynchronize(cudaEvent_t e)
{
    if (dropped(__builtin_return_address(0), "cudaEventSynchronize")) return said(cudaSuccess);
    const uint64_t want = e->recorded;
    run_until([e, want]() { return e->passed >= want; });
    return said(cudaSuccess);
}

cudaError_t cudaGetLastError(void)
{
    const cudaError_t e = lasting != cudaSuccess ? lasting : last;
    last = cudaSuccess;
    return e;
}

const char *cudaGetErrorString(cudaError_t e)
{
    switch (e) {
    case cudaSuccess:
        return "no error";
    case cudaErrorInvalidValue:
        return "invalid argument";
    case cudaErrorMemoryAllocation:
        return "out of memory";
    case cudaErrorInvalidConfiguration:
        return "invalid configuration argument";
    case cudaErrorNoDevice:
        return "no CUDA-capable device is detected";
    case cudaErrorIllegalAddress:
        return "an illegal memory access was encountered";
    case cudaErrorLaunchFailure:
        return fault_text.c_str();
    }
    return "unknown error";
}

} // extern "C"
