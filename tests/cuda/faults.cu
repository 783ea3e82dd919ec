/* faults.cu — what goes wrong in kernels: test_emulator.cpp wants every one of these found. */
#include "cuda/cuda.h"
#include "faults.h"

static float total(int)
{
    return 255 * 128;
}
static float same(int i)
{
    return (float)i;
}

static float twice(int i)
{
    return 2 * (float)i;
}
static float twice_next(int i)
{
    return 2 * (float)(i + 1);
}

#define RUN(name, kernel, grid, block, smem)                                                       \
    static void name(ss_gpu *g, bool broken, float *y)                                             \
    {                                                                                              \
        SS_LAUNCH(g, kernel, grid, block, smem, y, broken);                                        \
    }

/* ---- barriers of the block ---------------------------------------------------------------- */

SS_KERNEL(tree_sum)(float *y, bool broken)
{
    SS_SHARED(float, s, [256]);
    const int t = (int)threadIdx.x;
    s[t] = y[t];
    for (int d = 128; d > 0; d /= 2) {
        if (!broken) __syncthreads();
        if (t < d) s[t] += s[t + d];
    }
    __syncthreads();
    y[t] = s[0];
}
RUN(no_barrier, tree_sum, 1, 256, 0)

/* The sum of one round is still read when the next one begins to write. */
SS_KERNEL(rounds)(float *y, bool broken)
{
    SS_SHARED(float, s, [8]);
    const int t = (int)threadIdx.x;
    float all = 0;
    for (int round = 0; round < 2; round++) {
        const float x = ss_warp_sum(y[t] * (float)round);
        if (!broken) __syncthreads();
        if (t % 32 == 0) s[t / 32] = x;
        __syncthreads();
        for (int w = 0; w < 8; w++) all += s[w];
    }
    y[t] = all;
}
RUN(no_second_barrier, rounds, 1, 256, 0)

SS_KERNEL(branch)(float *y, bool broken)
{
    SS_SHARED(float, s, [256]);
    const int t = (int)threadIdx.x;
    s[t] = y[t];
    if (broken && t < 32)
        __syncthreads();
    else
        __syncthreads();
    y[t] = s[255 - (255 - t)];
}
RUN(divergent_barrier, branch, 1, 256, 0)

SS_KERNEL(leave)(float *y, bool broken)
{
    SS_SHARED(float, s, [256]);
    const int t = (int)threadIdx.x;
    if (broken && t >= 200) return;
    s[t] = y[t];
    __syncthreads();
    y[t] = s[t];
}
RUN(early_leave, leave, 1, 256, 0)

/* ---- warps ------------------------------------------------------------------------------------
 */

/* A lane reads what its neighbour, ahead or behind, has not written yet. */
SS_KERNEL(neighbour)(float *y, bool broken)
{
    SS_SHARED(float, s, [256]);
    const int t = (int)threadIdx.x, first = t / 32 * 32;
    s[t] = y[t];
    if (!broken) __syncwarp();
    y[t] = s[first + (t + 1) % 32] - 1 + (t % 32 == 31 ? 32 : 0);
}
RUN(no_syncwarp, neighbour, 1, 256, 0)

/* A lane overwrites what the one before it has yet to read. */
SS_KERNEL(overtake)(float *y, bool broken)
{
    SS_SHARED(float, s, [256]);
    const int t = (int)threadIdx.x, next = t / 32 * 32 + (t + 1) % 32;
    float x = y[t];
    for (int round = 0; round < 32; round++) {
        s[t] = x;
        __syncwarp();
        x = s[next];
        if (!broken) __syncwarp();
    }
    y[t] = x;
}
RUN(no_second_syncwarp, overtake, 1, 256, 0)

SS_KERNEL(half_warp)(float *y, bool broken)
{
    const int t = (int)threadIdx.x;
    float x = y[t];
    if (!broken || t % 32 < 16) x = __shfl_sync(SS_ALL, x, t % 32);
    y[t] = x;
}
RUN(half_collective, half_warp, 1, 256, 0)

SS_KERNEL(two_collectives)(float *y, bool broken)
{
    const int t = (int)threadIdx.x;
    float x = y[t];
    if (broken && t % 2)
        x = __shfl_xor_sync(SS_ALL, x, 0);
    else
        x = __shfl_sync(SS_ALL, x, t % 32);
    y[t] = x;
}
RUN(mixed_collectives, two_collectives, 1, 256, 0)

/* One warp is at the block's barrier while its own lane waits for it. */
SS_KERNEL(crossed)(float *y, bool broken)
{
    const int t = (int)threadIdx.x;
    if (broken && t == 7) __syncwarp();
    __syncthreads();
    y[t] = (float)t;
}
RUN(deadlock, crossed, 1, 256, 0)

/* ---- memory
 * -------------------------------------------------------------------------------------- */

SS_KERNEL(beyond)(float *y, bool broken)
{
    const int t = (int)threadIdx.x;
    y[broken ? t + ROOM - 255 : t] = (float)t;
}
RUN(out_of_bounds, beyond, 1, 256, 0)

SS_KERNEL(beyond_shared)(float *y, bool broken)
{
    SS_SHARED(float, s, [256]);
    const int t = (int)threadIdx.x;
    s[t + broken] = y[t];
    y[t] = s[t + broken];
}
RUN(shared_out_of_bounds, beyond_shared, 1, 256, 0)

SS_KERNEL(unwritten)(float *y, bool broken)
{
    SS_SHARED(float, s, [256]);
    const int t = (int)threadIdx.x;
    if (!broken || t != 100) s[t] = y[t];
    __syncthreads();
    y[t] = s[t];
}
RUN(read_before_write, unwritten, 1, 256, 0)

/* Blocks have no order: one may not read what another of the same launch writes. */
SS_KERNEL(chain)(float *y, bool broken)
{
    const int b = (int)blockIdx.x;
    if (threadIdx.x == 0) y[b] = broken ? (b ? y[b - 1] + 2 : 0) : 2 * (float)b;
}
RUN(block_after_block, chain, 256, 32, 0)

/* Threads that shift an array in place read what others have already replaced. */
SS_KERNEL(shift)(float *y, bool broken)
{
    const int t = (int)threadIdx.x;
    const float x = 2 * y[t + 1];
    if (!broken) __syncthreads();
    y[t] = x;
}
RUN(in_place_shift, shift, 1, 256, 0)

/* ---- limits
 * ---------------------------------------------------------------------------------------- */

SS_KERNEL(large_shared)(float *y, bool broken)
{
    const int t = (int)threadIdx.x;
    if (broken) {
        SS_SHARED(float, s, [12800]);
        s[t] = y[t];
        y[t] = s[t];
    }
}
RUN(too_much_shared, large_shared, 1, 256, 0)

SS_KERNEL(both_shared)(float *y, bool broken)
{
    SS_SHARED(float, s, [8000]);
    SS_DYN_SHARED(float, d);
    const int t = (int)threadIdx.x;
    s[t] = d[t] = y[t];
    y[t] = broken ? s[t] : d[t];
}
RUN(too_much_together, both_shared, 1, 256, broken ? 20000 : 2000)
RUN(none_given, both_shared, 1, 256, broken ? 0 : 2000)

SS_KERNEL(plain)(float *y, bool)
{
    SS_EACH (i, 256) y[i] = (float)i;
}
RUN(large_block, plain, 1, broken ? 1056 : 256, 0)
RUN(large_grid, plain, dim3(1, broken ? 65536 : 2), 256, 0)
RUN(large_dynamic, plain, 1, 256, broken ? 49 << 10 : 48 << 10)

#define BARRIER "ended while others wait at a barrier"
#define LIMIT "invalid configuration argument"
const planted faults[] = {
    {"a reduction without its barriers", nullptr, no_barrier, total, false},
    {"a buffer used again without a barrier", nullptr, no_second_barrier, total, false},
    {"a barrier in a branch", "is at another barrier", divergent_barrier, same, false},
    {"a thread that leaves early", BARRIER, early_leave, same, false},
    {"no __syncwarp before a read", nullptr, no_syncwarp, same, false},
    {"no __syncwarp before a write", nullptr, no_second_syncwarp, same, false},
    {"half a warp at a collective", "ended while its warp waits for it", half_collective, same,
     false},
    {"a warp at two collectives", "at different collectives", mixed_collectives, same, false},
    {"a warp that waits for itself", "waits for what never comes", deadlock, same, false},
    {"a write behind the array", "heap-buffer-overflow", out_of_bounds, same, true},
    {"a write behind shared memory", "behind its shared memory", shared_out_of_bounds, same, false},
    {"shared memory read before it is written", nullptr, read_before_write, same, false},
    {"a block that needs another block's result", nullptr, block_after_block, twice, false},
    {"an array shifted in place", nullptr, in_place_shift, twice_next, false},
    {"too much static shared memory", "more than 48 KiB of shared memory", too_much_shared, same,
     false},
    {"too much static and dynamic shared memory", "more than 48 KiB of shared memory",
     too_much_together, same, false},
    {"shared memory that the launch does not give", "the launch gives none", none_given, same,
     false},
    {"a block of too many threads", LIMIT, large_block, same, false},
    {"a grid that is too tall", LIMIT, large_grid, same, false},
    {"a launch with too much shared memory", LIMIT, large_dynamic, same, false},
};
const int nfaults = sizeof faults / sizeof *faults;
