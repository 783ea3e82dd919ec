/* emulate.cpp — runs a launch block by block, the threads of a block as fibers.
 *
 * What a GPU would not say and this does: a thread that ends while others wait at a barrier, lanes
 * that disagree about a collective, a deadlock, launches over the limits of sm_75. */
#include "emulate.h"
#include "emulate_parts.h"
#include "fibers.h"
#include <algorithm>
#include <map>
#include <stdio.h>
#include <stdlib.h>
#include <vector>

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emu
{

enum state { FRESH, READY, AT_BARRIER, AT_EXCHANGE, ENDED };

struct thread {
    state at = FRESH;
    fiber *f = nullptr;
    dim3 index;
    int predicate = 0;
    unsigned mask = 0;
    const char *what = nullptr;
    uint64_t word = 0;
};

/* A warp's latest exchange; lanes read it before they can begin the next. */
struct warp_slot {
    uint64_t word[32];
    unsigned given;
};

static std::vector<thread> threads;
static std::vector<warp_slot> slots;
static int running, barrier_true;
static const std::function<void()> *body;
static const launch_info *now;
static bool broken;

static const size_t ARENA = 96 << 10, STATIC_LIMIT = 48 << 10, DYNAMIC_LIMIT = 64 << 10;
alignas(128) static unsigned char arena[ARENA];
static size_t arena_used, static_used;
static std::map<const void *, void *> declared;

/* ---- faults --------------------------------------------------------------------------- */

static void fault(int t, const char *why)
{
    if (broken) return;
    broken = true;
    char text[400];
    const dim3 i = t >= 0 ? threads[(size_t)t].index : dim3(0, 0, 0);
    snprintf(text, sizeof text, "kernel %s (%s:%d): %s; block (%u,%u,%u), thread (%u,%u,%u)",
             now->kernel, now->file, now->line, why, blockIdx.x, blockIdx.y, blockIdx.z, i.x, i.y,
             i.z);
    report_fault(text);
}

/* ---- shared memory ---------------------------------------------------------------------- */

static void clear_shared()
{
    declared.clear();
    memset(arena, 0xFF, ARENA); /* NaN: what is read before it is written shows */
    arena_used = (now->shared + 127) / 128 * 128;
    static_used = 0;
}

void *shared(const void *key, size_t bytes)
{
    auto found = declared.find(key);
    if (found != declared.end()) return found->second;
    static_used += bytes;
    if (static_used > STATIC_LIMIT || arena_used + bytes > ARENA) {
        fault(running, "more than 48 KiB of shared memory declared");
        return arena;
    }
    void *p = arena + arena_used;
    arena_used += (bytes + 127) / 128 * 128;
    return declared[key] = p;
}

void *dynamic_shared()
{
    return arena;
}

/* ---- what threads call ----------------------------------------------------------------------- */

static void pause(state at)
{
    threads[(size_t)running].at = at;
    fiber_yield();
}

void barrier()
{
    pause(AT_BARRIER);
}

int barrier_count(int predicate)
{
    threads[(size_t)running].predicate = predicate != 0;
    pause(AT_BARRIER);
    return barrier_true;
}

int lane()
{
    return running % 32;
}
unsigned lanes_given()
{
    return slots[(size_t)running / 32].given;
}

const uint64_t *exchange(unsigned mask, uint64_t word, const char *what)
{
    thread &t = threads[(size_t)running];
    t.mask = mask;
    t.word = word;
    t.what = what;
    if (!(mask >> lane() & 1)) fault(running, "a lane outside the mask of its own collective");
    pause(AT_EXCHANGE);
    return slots[(size_t)running / 32].word;
}

/* ---- scheduling
 * ---------------------------------------------------------------------------------- */

static void enter_thread(void *)
{
    (*body)();
}

static void step(size_t t)
{
    thread &th = threads[t];
    running = (int)t;
    threadIdx = th.index;
    if (th.at == FRESH) {
        th.at = READY;
        th.f = fiber_start(enter_thread, nullptr);
        if (!th.f) return fault((int)t, "no memory for a stack");
    } else {
        th.at = READY;
        fiber_resume(th.f);
    }
    if (fiber_ended(th.f)) {
        th.at = ENDED;
        fiber_recycle(th.f);
        th.f = nullptr;
    }
}

static bool runs(const thread &t)
{
    return t.at == FRESH || t.at == READY;
}

/* Completes the collectives of a warp for which every lane in the mask has come. */
static bool settle_warp(size_t w)
{
    const size_t first = w * 32, last = std::min(first + 32, threads.size());
    for (size_t t = first; t < last; t++) {
        if (threads[t].at != AT_EXCHANGE) continue;
        unsigned present = 0;
        for (size_t o = first; o < last; o++) present |= 1u << (o - first);
        const unsigned want = threads[t].mask & present;
        bool all = true;
        for (size_t o = first; o < last && all; o++) {
            if (!(want >> (o - first) & 1)) continue;
            const thread &other = threads[o];
            if (other.at == ENDED) return fault((int)o, "ended while its warp waits for it"), false;
            if (other.at == AT_EXCHANGE &&
                (other.mask != threads[t].mask || strcmp(other.what, threads[t].what) != 0))
                return fault((int)o, "lanes of a warp are at different collectives"), false;
            all = other.at == AT_EXCHANGE;
        }
        if (!all) continue;
        for (size_t o = first; o < last; o++) {
            if (!(want >> (o - first) & 1)) continue;
            slots[w].word[o - first] = threads[o].word;
            threads[o].at = READY;
        }
        slots[w].given = want;
        return true;
    }
    return false;
}

static bool settle_barrier()
{
    size_t waiting = 0, ended = 0;
    for (const thread &t : threads) waiting += t.at == AT_BARRIER, ended += t.at == ENDED;
    if (waiting == 0) return false;
    if (ended > 0 && waiting + ended == threads.size()) {
        for (size_t t = 0; t < threads.size(); t++)
            if (threads[t].at == ENDED) {
                fault((int)t, "ended while others wait at a barrier");
                break;
            }
        return false;
    }
    if (waiting < threads.size()) return false;
    barrier_true = 0;
    for (thread &t : threads) {
        barrier_true += t.predicate;
        t.predicate = 0;
        t.at = READY;
    }
    return true;
}

static bool pass_fair(bool backwards)
{
    bool moved = false;
    const size_t n = threads.size();
    for (size_t i = 0; i < n && !broken; i++) {
        const size_t t = backwards ? n - 1 - i : i;
        if (runs(threads[t])) step(t), moved = true;
    }
    for (size_t w = 0; w * 32 < n && !broken; w++)
        while (!broken && settle_warp(w)) moved = true;
    return moved;
}

static bool warp_greedily(size_t w)
{
    bool moved = false;
    for (bool again = true; again && !broken;) {
        again = false;
        for (size_t t = w * 32; t < std::min(w * 32 + 32, threads.size()) && !broken; t++)
            if (runs(threads[t])) step(t), again = moved = true;
        while (!broken && settle_warp(w)) again = true;
    }
    return moved;
}

static uint64_t draw_state;
static size_t draw(size_t n)
{
    draw_state = draw_state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(draw_state >> 33) % n;
}

static bool pass_greedy(char order)
{
    std::vector<size_t> warps((threads.size() + 31) / 32);
    for (size_t w = 0; w < warps.size(); w++) warps[w] = w;
    if (order == 'b') std::reverse(warps.begin(), warps.end());
    if (order == 'r')
        for (size_t i = warps.size(); i > 1; i--) std::swap(warps[i - 1], warps[draw(i)]);
    bool moved = false;
    for (size_t w : warps) moved |= warp_greedily(w);
    return moved;
}

static bool pass()
{
    static const char *const named = getenv("SS_EMULATE_SCHEDULE");
    const char *how = named ? named : "fwd";
    if (strcmp(how, "rev") == 0) return pass_fair(true);
    if (strcmp(how, "gfwd") == 0) return pass_greedy('f');
    if (strcmp(how, "grev") == 0) return pass_greedy('b');
    if (strncmp(how, "grand:", 6) == 0) {
        if (!draw_state) draw_state = strtoull(how + 6, nullptr, 10) * 2 + 1;
        return pass_greedy('r');
    }
    return pass_fair(false);
}

static void run_block()
{
    const size_t n = (size_t)blockDim.x * blockDim.y * blockDim.z;
    threads.assign(n, thread());
    slots.assign((n + 31) / 32, warp_slot());
    for (size_t t = 0; t < n; t++)
        threads[t].index = dim3((unsigned)(t % blockDim.x), (unsigned)(t / blockDim.x % blockDim.y),
                                (unsigned)(t / blockDim.x / blockDim.y));
    clear_shared();
    while (!broken) {
        const bool moved = pass();
        if (broken) break;
        if (settle_barrier() || moved) continue;
        size_t left = 0;
        for (size_t t = 0; t < n; t++)
            if (threads[t].at != ENDED) left = t + 1;
        if (left) fault((int)left - 1, "waits for what never comes");
        break;
    }
    for (thread &t : threads)
        if (t.f) fiber_recycle(t.f);
}

void run_launch(const launch_info &l, const std::function<void()> &fn)
{
    now = &l;
    body = &fn;
    broken = false;
    gridDim = l.grid;
    blockDim = l.block;
    for (unsigned z = 0; z < l.grid.z && !broken; z++)
        for (unsigned y = 0; y < l.grid.y && !broken; y++)
            for (unsigned x = 0; x < l.grid.x && !broken; x++) {
                blockIdx = dim3(x, y, z);
                run_block();
            }
}

/* ---- launching
 * --------------------------------------------------------------------------------------- */

static bool allowed(const launch_info &l)
{
    const size_t n = (size_t)l.block.x * l.block.y * l.block.z;
    return n >= 1 && n <= 1024 && l.block.z <= 64 && l.grid.x >= 1 && l.grid.x <= 0x7fffffffu &&
           l.grid.y >= 1 && l.grid.y <= 65535 && l.grid.z >= 1 && l.grid.z <= 65535 &&
           l.shared <= DYNAMIC_LIMIT;
}

void launch(cudaStream_t s, const launch_info &l, std::function<void()> fn)
{
    note_launch(l.file, l.line);
    if (!allowed(l)) return refuse(cudaErrorInvalidConfiguration);
    queue(s, [l, fn]() {
        if (!faulted()) run_launch(l, fn);
    });
}

} // namespace emu
