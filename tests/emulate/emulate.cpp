/* emulate.cpp — runs a launch block by block, the threads of a block as fibers.
 *
 * What a GPU would not say and this does: a thread that ends while others wait at a barrier,
 * threads at different barriers, lanes that disagree about a collective, a deadlock, writes behind
 * shared memory, launches over the limits of sm_75. */
#include "emulate.h"
#include "emulate_parts.h"
#include "fibers.h"
#include <algorithm>
#include <stdio.h>
#include <vector>

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emu
{

enum state { FRESH, READY, AT_BARRIER, AT_EXCHANGE, ENDED };

struct thread {
    state at = FRESH;
    unsigned mask = 0, given = 0; /* of the exchange it is at, or the last */
    int predicate = 0;
    fiber *f = nullptr;
    const char *what = nullptr;
    uint64_t word = 0;
    const char *file = nullptr; /* of the barrier it is at */
    int line = 0;
    dim3 index;
};

/* A warp's latest exchange; lanes read it before they can begin the next. */
struct warp_slot {
    uint64_t word[32];
    int waiting; /* lanes at an exchange */
};

static std::vector<thread> threads;
static std::vector<warp_slot> slots;
static int running, barrier_true;
static const std::function<void()> *body;
static const launch_info *now;
static bool broken;

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

void shared_fault(const char *why)
{
    fault(running, why);
}

/* ---- what threads call ------------------------------------------------------------------- */

static void pause(state at)
{
    threads[(size_t)running].at = at;
    fiber_yield();
}

void barrier(const char *file, int line)
{
    barrier_count(0, file, line);
}

int barrier_count(int predicate, const char *file, int line)
{
    thread &t = threads[(size_t)running];
    t.predicate = predicate != 0;
    t.file = file;
    t.line = line;
    pause(AT_BARRIER);
    return barrier_true;
}

int lane()
{
    return running % 32;
}
unsigned lanes_given()
{
    return threads[(size_t)running].given;
}

const uint64_t *exchange(unsigned mask, uint64_t word, const char *what)
{
    thread &t = threads[(size_t)running];
    warp_slot &slot = slots[(size_t)running / 32];
    t.mask = mask;
    t.word = word;
    t.what = what;
    if (!(mask >> lane() & 1)) fault(running, "a lane outside the mask of its own collective");
    slot.waiting++;
    pause(AT_EXCHANGE);
    return slot.word;
}

/* ---- steps ----------------------------------------------------------------------------------- */

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

static bool same(const char *a, const char *b)
{
    return a == b || strcmp(a, b) == 0;
}

/* Whether every lane that `one` waits for has come; a lane that cannot come is a fault. */
static bool complete(size_t first, unsigned want, const thread &one)
{
    for (unsigned left = want; left; left &= left - 1) {
        const size_t o = first + (size_t)__builtin_ctz(left);
        const thread &other = threads[o];
        if (other.at == ENDED) return fault((int)o, "ended while its warp waits for it"), false;
        if (other.at != AT_EXCHANGE) return false;
        if (other.mask != one.mask || !same(other.what, one.what))
            return fault((int)o, "lanes of a warp are at different collectives"), false;
    }
    return true;
}

/* Completes a collective of a warp for which every lane in the mask has come. */
static bool settle_warp(size_t w)
{
    warp_slot &slot = slots[w];
    if (!slot.waiting) return false;
    const size_t first = w * 32, last = std::min(first + 32, threads.size());
    const unsigned present = last - first == 32 ? ~0u : (1u << (last - first)) - 1;
    unsigned tried = 0;
    for (size_t t = first; t < last && !broken; t++) {
        if (threads[t].at != AT_EXCHANGE || (tried >> (t - first) & 1)) continue;
        const unsigned want = threads[t].mask & present;
        tried |= want;
        if (!complete(first, want, threads[t])) continue;
        for (unsigned left = want; left; left &= left - 1) {
            const int k = __builtin_ctz(left);
            thread &o = threads[first + (size_t)k];
            slot.word[k] = o.word;
            o.given = want;
            o.at = READY;
            slot.waiting--;
        }
        return true;
    }
    return false;
}

static void fault_of_first(state at, const char *why)
{
    for (size_t t = 0; t < threads.size(); t++)
        if (threads[t].at == at) return fault((int)t, why);
}

static bool settle_barrier()
{
    size_t waiting = 0, ended = 0;
    for (const thread &t : threads) waiting += t.at == AT_BARRIER, ended += t.at == ENDED;
    if (waiting == 0) return false;
    if (ended > 0 && waiting + ended == threads.size())
        return fault_of_first(ENDED, "ended while others wait at a barrier"), false;
    if (waiting < threads.size()) return false;
    barrier_true = 0;
    for (size_t i = 0; i < threads.size(); i++) {
        thread &t = threads[i];
        if (t.line != threads[0].line || !same(t.file, threads[0].file))
            return fault((int)i, "is at another barrier than the first thread"), false;
        barrier_true += t.predicate;
        t.at = READY;
    }
    return true;
}

/* ---- schedules ---------------------------------------------------------------------------------
 */

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

/* One warp as far as it gets, its lanes in the order `o`. */
static bool warp_greedily(size_t w, order o)
{
    const size_t first = w * 32, n = std::min<size_t>(32, threads.size() - first);
    bool moved = false;
    for (bool again = true; again && !broken;) {
        again = false;
        const walk lanes(n, o);
        for (size_t i = 0; i < n && !broken; i++) {
            const size_t t = first + lanes.at(i);
            if (runs(threads[t])) step(t), again = moved = true;
        }
        while (!broken && settle_warp(w)) again = true;
    }
    return moved;
}

static bool pass()
{
    const schedule &s = schedule_now();
    if (!s.greedy) return pass_fair(s.threads == BACKWARDS);
    const size_t n = (threads.size() + 31) / 32;
    const walk warps(n, s.threads);
    bool moved = false;
    for (size_t i = 0; i < n; i++) moved |= warp_greedily(warps.at(i), s.threads);
    return moved;
}

/* ---- blocks
 * ---------------------------------------------------------------------------------------- */

static void begin_block()
{
    const size_t n = (size_t)blockDim.x * blockDim.y * blockDim.z;
    threads.resize(n);
    slots.resize((n + 31) / 32);
    for (warp_slot &s : slots) s.waiting = 0;
    dim3 at(0, 0, 0);
    for (thread &t : threads) {
        t.at = FRESH;
        t.f = nullptr;
        t.given = 0;
        t.index = at;
        if (++at.x < blockDim.x) continue;
        at.x = 0;
        if (++at.y < blockDim.y) continue;
        at.y = 0;
        at.z++;
    }
    shared_begin(now->shared);
}

static void run_block()
{
    begin_block();
    while (!broken) {
        const bool moved = pass();
        if (broken) break;
        if (settle_barrier() || moved) continue;
        size_t left = 0;
        for (size_t t = 0; t < threads.size(); t++)
            if (threads[t].at != ENDED) left = t + 1;
        if (left) fault((int)left - 1, "waits for what never comes");
        break;
    }
    if (!broken && shared_damaged()) fault(-1, "wrote behind its shared memory");
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
    const size_t n = (size_t)l.grid.x * l.grid.y * l.grid.z;
    const walk blocks(n, schedule_now().blocks);
    for (size_t i = 0; i < n && !broken; i++) {
        const size_t b = blocks.at(i);
        blockIdx = dim3((unsigned)(b % l.grid.x), (unsigned)(b / l.grid.x % l.grid.y),
                        (unsigned)(b / l.grid.x / l.grid.y));
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
           l.shared <= SHARED_LIMIT;
}

void launch(cudaStream_t s, const launch_info &l, std::function<void()> fn)
{
    note_launch(l);
    if (!allowed(l)) return refuse(cudaErrorInvalidConfiguration);
    queue(s, [l, fn]() {
        if (!faulted()) run_launch(l, fn);
    });
}

} // namespace emu
