/* emulate.h — CUDA's device language for g++: every thread of a block is a fiber that gives way at
 * barriers and warp collectives. Included by kernels/cuda/cuda.h when SS_EMULATE is set.
 *
 * $SS_EMULATE_SCHEDULE chooses who goes first: `fwd` and `rev` let all threads reach their next
 * barrier in turn; `gfwd`, `grev` and `grand:N` let one warp run as far as it can before the next.
 * Blocks, warps and lanes go forwards, backwards or in an order drawn from N. Shared memory begins
 * as NaN in every block. */
#ifndef SEMISAM_EMULATE_H
#define SEMISAM_EMULATE_H
#include "emulate_api.h"
#include "half.h"
#include <functional>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <tuple>

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_)
    {
    }
};
extern dim3 threadIdx, blockIdx, blockDim, gridDim;
static const int warpSize = 32;

#define __global__
#define __host__
#define __device__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __launch_bounds__(...)

namespace emu
{

typedef struct {
    const char *kernel, *file;
    int line;
    dim3 grid, block;
    size_t shared;
} launch_info;

void launch(cudaStream_t s, const launch_info &l, std::function<void()> body);
/* One declaration of shared memory, and where it lies in the block that last used it. */
typedef struct {
    uint64_t block;
    void *at;
} shared_slot;
extern uint64_t block_serial; /* counts the blocks that have run */
void *shared(shared_slot *slot, size_t bytes);
void *dynamic_shared(void);
void barrier(const char *file, int line);
/* Threads of the block with a true predicate. */
int barrier_count(int predicate, const char *file, int line);
/* A collective of the lanes in mask: each gives a word, each learns all 32. */
const uint64_t *exchange(unsigned mask, uint64_t word, const char *what);
int lane(void);
unsigned lanes_given(void); /* who took part in the last exchange */

template <class T> uint64_t to_word(T x)
{
    static_assert(sizeof(T) <= 8, "at most 64 bits pass between lanes");
    uint64_t w = 0;
    memcpy(&w, &x, sizeof x);
    return w;
}
template <class T> T from_word(uint64_t w)
{
    T x;
    memcpy(&x, &w, sizeof x);
    return x;
}
/* A lane outside the segment or not taking part gives the caller's own value, as on the device. */
template <class T> T take(const uint64_t *all, int from, T own)
{
    return from >= 0 && from < warpSize ? from_word<T>(all[from]) : own;
}

} // namespace emu

#define SS_KERNEL(name) static void name
#define SS_SHARED(T, name, dims)                                                                   \
    typedef T name##_type dims;                                                                    \
    static emu::shared_slot name##_slot;                                                           \
    name##_type &name = *(name##_type *)(name##_slot.block == emu::block_serial                    \
                                             ? name##_slot.at                                      \
                                             : emu::shared(&name##_slot, sizeof(name##_type)))
#define SS_DYN_SHARED(T, name) T *name = (T *)emu::dynamic_shared()
#define SS_LAUNCH(g, kernel, grid, block, smem, ...)                                               \
    emu::launch((g)->stream,                                                                       \
                emu::launch_info{#kernel, __FILE__, __LINE__, grid, block, (size_t)(smem)},        \
                emu::bind(kernel, __VA_ARGS__))

namespace emu
{
/* Arguments are copied when the kernel is launched, as on the device. */
template <class... P, class... A> std::function<void()> bind(void (*k)(P...), A... a)
{
    return [k, args = std::tuple<typename std::decay<P>::type...>(a...)]() { std::apply(k, args); };
}
} // namespace emu

/* Where the call stands: threads of a block must meet at the same barrier. */
#define EMU_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()
static inline void __syncthreads(EMU_HERE)
{
    emu::barrier(file, line);
}
static inline int __syncthreads_count(int p, EMU_HERE)
{
    return emu::barrier_count(p, file, line);
}
static inline int __syncthreads_or(int p, EMU_HERE)
{
    return emu::barrier_count(p, file, line) > 0;
}
static inline int __syncthreads_and(int p, EMU_HERE)
{
    return emu::barrier_count(p, file, line) == (int)(blockDim.x * blockDim.y * blockDim.z);
}
static inline void __syncwarp(unsigned mask = 0xffffffffu)
{
    emu::exchange(mask, 0, "__syncwarp");
}
static inline void __threadfence()
{
}
static inline void __threadfence_block()
{
}

template <class T> static inline T __shfl_sync(unsigned mask, T x, int from, int width = 32)
{
    const uint64_t *all = emu::exchange(mask, emu::to_word(x), "__shfl_sync");
    const int base = emu::lane() / width * width;
    return emu::take(all, base + (from & (width - 1)), x);
}
template <class T> static inline T __shfl_xor_sync(unsigned mask, T x, int d, int width = 32)
{
    const uint64_t *all = emu::exchange(mask, emu::to_word(x), "__shfl_xor_sync");
    const int from = emu::lane() ^ d, base = emu::lane() / width * width;
    return from < base + width ? emu::take(all, from, x) : x;
}
template <class T> static inline T __shfl_up_sync(unsigned mask, T x, unsigned d, int width = 32)
{
    const uint64_t *all = emu::exchange(mask, emu::to_word(x), "__shfl_up_sync");
    const int from = emu::lane() - (int)d, base = emu::lane() / width * width;
    return from >= base ? emu::take(all, from, x) : x;
}
template <class T> static inline T __shfl_down_sync(unsigned mask, T x, unsigned d, int width = 32)
{
    const uint64_t *all = emu::exchange(mask, emu::to_word(x), "__shfl_down_sync");
    const int from = emu::lane() + (int)d, base = emu::lane() / width * width;
    return from < base + width ? emu::take(all, from, x) : x;
}
static inline unsigned __ballot_sync(unsigned mask, int p)
{
    const uint64_t *all = emu::exchange(mask, p != 0, "__ballot_sync");
    unsigned bits = 0;
    for (int i = 0; i < 32; i++)
        if ((mask >> i & 1) && (emu::lanes_given() >> i & 1) && all[i]) bits |= 1u << i;
    return bits;
}
static inline int __any_sync(unsigned mask, int p)
{
    return __ballot_sync(mask, p) != 0;
}
static inline int __all_sync(unsigned mask, int p)
{
    return __ballot_sync(mask, p) == (mask & emu::lanes_given());
}

template <class T> static inline T emu_rmw(T *p, T v)
{
    const T old = *p;
    *p = v;
    return old;
}
static inline int atomicAdd(int *p, int v)
{
    return emu_rmw(p, *p + v);
}
static inline unsigned atomicAdd(unsigned *p, unsigned v)
{
    return emu_rmw(p, *p + v);
}
static inline unsigned long long atomicAdd(unsigned long long *p, unsigned long long v)
{
    return emu_rmw(p, *p + v);
}
template <class T> static inline T atomicMin(T *p, T v)
{
    return emu_rmw(p, v < *p ? v : *p);
}
template <class T> static inline T atomicMax(T *p, T v)
{
    return emu_rmw(p, v > *p ? v : *p);
}
template <class T> static inline T atomicExch(T *p, T v)
{
    return emu_rmw(p, v);
}
template <class T> static inline T atomicOr(T *p, T v)
{
    return emu_rmw(p, (T)(*p | v));
}
template <class T> static inline T atomicCAS(T *p, T want, T v)
{
    return emu_rmw(p, *p == want ? v : *p);
}
static inline int __popc(unsigned x)
{
    return __builtin_popcount(x);
}
static inline int __popcll(unsigned long long x)
{
    return __builtin_popcountll(x);
}
static inline int __ffs(int x)
{
    return __builtin_ffs(x);
}
static inline int __clz(int x)
{
    return x ? __builtin_clz((unsigned)x) : 32;
}
static inline unsigned __umulhi(unsigned a, unsigned b)
{
    return (unsigned)(((unsigned long long)a * b) >> 32);
}
static inline uint32_t __float_as_uint(float x)
{
    return (uint32_t)emu::to_word(x);
}
static inline float __uint_as_float(uint32_t x)
{
    return emu::from_word<float>(x);
}
static inline int __float_as_int(float x)
{
    return (int)(uint32_t)emu::to_word(x);
}
static inline float __int_as_float(int x)
{
    return emu::from_word<float>((uint32_t)x);
}
static inline float rsqrtf(float x)
{
    return 1 / sqrtf(x);
}
static inline float normcdff(float x)
{
    return (float)(0.5 * erfc(-(double)x / sqrt(2.0)));
}
template <class T> static inline T __ldg(const T *p)
{
    return *p;
}
template <class T> static inline T min(T a, T b)
{
    return b < a ? b : a;
}
template <class T> static inline T max(T a, T b)
{
    return a < b ? b : a;
}
static inline float min(float a, float b)
{
    return fminf(a, b);
}
static inline float max(float a, float b)
{
    return fmaxf(a, b);
}
#endif
