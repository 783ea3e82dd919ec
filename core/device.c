/* device.c — accounted memory. The CPU keeps freed blocks by size class, so that a training step
 * touches the same pages again: first-touch page faults cost more than most kernels. GPUs have
 * arenas (arena.c). */
#include "core.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct ss_block {
    ss_block *next;
    void *data;
    size_t bytes; /* as asked of the system */
};

enum { GUARD_BYTES = 64, GUARD_FILL = 0xA5 };
#define HUGE_BYTES ((size_t)2 << 20)
#define KEPT_BYTES ((size_t)64 << 20) /* may wait for reuse in any case */

ss_device *ss__device(ss_ctx *ctx, const char *name)
{
    if (!name) name = "cpu";
    if (strcmp(name, "cuda") == 0) name = "cuda:0";
    for (int i = 0; i < SS_DEVICES; i++) {
        ss_device *d = &ctx->dev[i];
        if (strcmp(d->name, name) != 0) continue;
        if (strncmp(name, "cuda", 4) == 0 && !d->gpu && ss__open_gpu(d, i - 3)) return NULL;
        return d;
    }
    if (strncmp(name, "cuda", 4) == 0)
        ss_ctx_fail(ctx, SS_E_DEVICE, "unknown device '%s', expected cuda:0 to cuda:%d", name,
                    SS_GPUS - 1);
    else
        ss_ctx_fail(ctx, SS_E_DEVICE,
                    "unknown device '%s', expected cpu, cuda, cuda:N, meta or meta:cuda", name);
    return NULL;
}

#if defined(__SANITIZE_ADDRESS__)
/* The sanitizer sees overruns only in exact, uncached blocks. */
static size_t class_bytes(size_t bytes, int *bin)
{
    *bin = -1;
    return bytes ? bytes : 1;
}
#else
/* Size class: eight steps per power of two, so that at most 1/8 is wasted. */
static int bin_of(size_t bytes, size_t *rounded)
{
    if (bytes <= 512) {
        size_t k = (bytes + 63) / 64;
        *rounded = k * 64;
        return (int)k;
    }
    int log2 = 63 - __builtin_clzll((unsigned long long)(bytes - 1));
    size_t step = (size_t)1 << (log2 - 3);
    size_t r = (bytes + step - 1) / step * step;
    *rounded = r;
    log2 = 63 - __builtin_clzll((unsigned long long)r);
    return log2 * 8 + (int)((r - ((size_t)1 << log2)) >> (log2 - 3));
}

static size_t class_bytes(size_t bytes, int *bin)
{
    size_t r;
    *bin = bin_of(bytes ? bytes : 1, &r);
#ifdef SS_DEBUG_CHECKS
    r += 2 * GUARD_BYTES;
#endif
    return r;
}
#endif

#if defined(__SANITIZE_ADDRESS__)
enum { MAPPED = false, ARENAS = false };
#else
enum { MAPPED = true, ARENAS = true };
#endif

static bool has_arena(const ss_device *d)
{
    return d->as_cuda && (ARENAS || !d->computes); /* nothing overruns what is only imagined */
}

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

/* Large blocks are mapped one by one: what is freed goes back to the system at once, while malloc
 * would keep it in a heap that fills with holes. */
static void *map_huge(size_t bytes)
{
    const size_t want = round_up(bytes, HUGE_BYTES);
    char *p =
        mmap(NULL, want + HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    const size_t head = (HUGE_BYTES - (uintptr_t)p % HUGE_BYTES) % HUGE_BYTES;
    if (head) munmap(p, head);
    if (head < HUGE_BYTES) munmap(p + head + want, HUGE_BYTES - head);
    madvise(p + head, bytes, MADV_HUGEPAGE); /* the rest of the last page stays untouched */
    return p + head;
}

/* The size of what meta hands out is counted; the address is a token that nothing may read. */
static void *system_alloc(ss_device *d, size_t bytes)
{
    if (!d->computes) return d;
    if (d->gpu) return ss__backend(NULL, 0)->alloc(d->gpu, bytes);
    if (MAPPED && bytes >= HUGE_BYTES) return map_huge(bytes);
    return aligned_alloc(SS_ALIGN, round_up(bytes, SS_ALIGN));
}

static void system_free(ss_device *d, void *p, size_t bytes)
{
    d->mem.reserved -= bytes;
    if (!d->computes) return;
    if (d->gpu)
        ss__backend(NULL, 0)->release(d->gpu, p);
    else if (MAPPED && bytes >= HUGE_BYTES)
        munmap(p, round_up(bytes, HUGE_BYTES));
    else
        free(p);
}

static void *pop_block(ss_block **list)
{
    ss_block *b = *list;
    void *p = b->data;
    *list = b->next;
    free(b);
    return p;
}

static void drop_block(ss_device *d, ss_block **list)
{
    const size_t bytes = (*list)->bytes;
    system_free(d, pop_block(list), bytes);
}

void ss__trim(ss_device *d)
{
    if (has_arena(d)) {
        ss__arena_trim(d);
        return;
    }
    for (int i = 0; i < SS_BINS; i++) {
        while (d->bin[i]) drop_block(d, &d->bin[i]);
    }
    d->mem.cached = 0;
}

void ss__close(ss_device *d)
{
    ss__trim(d);
    if (has_arena(d)) ss__arena_close(d);
    if (d->gpu) ss__backend(NULL, 0)->close(d->gpu);
    d->gpu = NULL;
}

/* Blocks that wait for reuse, largest first, go back to the system while a new one of r bytes would
 * take the device past the most that was ever in use at once: what one part of the work leaves
 * behind does not stand beside what the next needs. */
static void make_room(ss_device *d, size_t r)
{
    const size_t limit = d->high + KEPT_BYTES;
    for (int i = SS_BINS - 1; i >= 0; i--)
        while (d->bin[i] && d->mem.used + d->mem.cached + r > limit) {
            d->mem.cached -= d->bin[i]->bytes;
            drop_block(d, &d->bin[i]);
        }
}

static void *take(ss_device *d, size_t bytes)
{
    int bin;
    size_t r = class_bytes(bytes, &bin);
    if (d->mem.used + bytes > d->high) d->high = d->mem.used + bytes;
    if (has_arena(d)) return ss__arena_take(d, bytes);
    if (bin >= 0 && d->bin[bin]) {
        d->mem.cached -= r;
        return pop_block(&d->bin[bin]);
    }
    make_room(d, r);
    d->mem.requests++;
    void *p = system_alloc(d, r);
    if (p) d->mem.reserved += r;
    if (d->mem.reserved > d->mem.reserved_peak) d->mem.reserved_peak = d->mem.reserved;
    return p;
}

static void *guard_on(ss_device *d, void *p, size_t bytes)
{
#if defined(SS_DEBUG_CHECKS) && !defined(__SANITIZE_ADDRESS__)
    unsigned char *b = p;
    if (d->gpu || !d->computes) return p;
    memset(b, GUARD_FILL, GUARD_BYTES);
    memset(b + GUARD_BYTES, 0xFF, bytes); /* NaN in every float type: unwritten results show */
    memset(b + GUARD_BYTES + bytes, GUARD_FILL, GUARD_BYTES);
    return b + GUARD_BYTES;
#else
    (void)d;
    (void)bytes;
    return p;
#endif
}

static void *guard_off(ss_device *d, void *p, size_t bytes)
{
#if defined(SS_DEBUG_CHECKS) && !defined(__SANITIZE_ADDRESS__)
    unsigned char *b = (unsigned char *)p - GUARD_BYTES;
    if (d->gpu || !d->computes) return p;
    for (int i = 0; i < GUARD_BYTES; i++) {
        if (b[i] == GUARD_FILL && b[GUARD_BYTES + bytes + (size_t)i] == GUARD_FILL) continue;
        d->ctx->guard_faults++;
        break;
    }
    return b;
#else
    (void)d;
    (void)bytes;
    return p;
#endif
}

/* Under pressure: let the owner drop handles, and give cached blocks back. */
static void relieve(ss_device *d, size_t want)
{
    ss_ctx *ctx = d->ctx;
    if (ctx->pressure && !ctx->in_pressure) {
        ctx->in_pressure = true;
        ctx->pressure(ctx->pressure_ud, d->name, want);
        ctx->in_pressure = false;
    }
    ss__trim(d);
}

static ss_status no_memory(ss_device *d, size_t bytes)
{
    return ss_ctx_fail(d->ctx, SS_E_NOMEM,
                       "out of memory on %s: wanted %zu bytes, %zu in use of a budget of %zu (peak "
                       "%zu)",
                       d->name, bytes, d->mem.used, d->mem.budget, d->mem.peak);
}

/* Two devices that saw the same allocations and releases in the same order have the same trace. */
static void trace(ss_device *d, size_t bytes, unsigned what)
{
    d->mem.trace = (d->mem.trace ^ (bytes * 4 + what)) * 0x9E3779B97F4A7C15u;
    d->mem.trace ^= d->mem.trace >> 29;
}

ss_status ss__alloc(ss_device *d, size_t bytes, void **out)
{
    *out = NULL;
    if (d->ctx->fail_alloc > 0 && --d->ctx->fail_alloc == 0) {
        d->ctx->fail_alloc = -1;
        return no_memory(d, bytes);
    }
    if (bytes > SIZE_MAX / 4 || d->mem.used + bytes > d->mem.budget) {
        relieve(d, bytes);
        if (bytes > SIZE_MAX / 4 || d->mem.used + bytes > d->mem.budget) return no_memory(d, bytes);
    }
    void *p = take(d, bytes);
    if (!p) {
        relieve(d, bytes);
        p = take(d, bytes);
    }
    if (!p) return no_memory(d, bytes);
    p = guard_on(d, p, bytes);
    d->mem.used += bytes;
    if (d->mem.used > d->mem.peak) d->mem.peak = d->mem.used;
    trace(d, bytes, 1);
    *out = p;
    return SS_OK;
}

void ss__free(ss_device *d, void *p, size_t bytes)
{
    if (!p) return;
    d->mem.used -= bytes;
    trace(d, bytes, 2);
    if (has_arena(d)) {
        ss__arena_give(d, p);
        return;
    }
    p = guard_off(d, p, bytes);
    int bin;
    size_t r = class_bytes(bytes, &bin);
    ss_block *b = bin < 0 || d->ctx->closed ? NULL : malloc(sizeof *b);
    if (!b) {
        system_free(d, p, r);
        return;
    }
    *b = (ss_block){.next = d->bin[bin], .data = p, .bytes = r};
    d->bin[bin] = b;
    d->mem.cached += r;
}

const char *ss_device_name(ss_ctx *ctx, const char *device)
{
    const ss_device *d = ss__device(ctx, device);
    return d ? d->name : NULL;
}

ss_status ss_memory_get(ss_ctx *ctx, const char *device, ss_memory *out)
{
    ss_device *d = ss__device(ctx, device);
    *out = d ? d->mem : (ss_memory){0};
    return d ? SS_OK : SS_E_DEVICE;
}

ss_status ss_memory_reset_peak(ss_ctx *ctx, const char *device)
{
    ss_device *d = ss__device(ctx, device);
    if (!d) return SS_E_DEVICE;
    d->mem.peak = d->mem.used;
    d->mem.reserved_peak = d->mem.reserved;
    d->mem.trace = d->mem.requests = 0;
    return SS_OK;
}

ss_status ss_memory_set_budget(ss_ctx *ctx, const char *device, size_t bytes)
{
    ss_device *d = ss__device(ctx, device);
    if (!d) return SS_E_DEVICE;
    d->mem.budget = bytes;
    return SS_OK;
}

ss_status ss_memory_trim(ss_ctx *ctx, const char *device)
{
    ss_device *d = ss__device(ctx, device);
    if (!d) return SS_E_DEVICE;
    ss__trim(d);
    return SS_OK;
}
