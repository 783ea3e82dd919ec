/* cuda.h — what every kernels/<op>.cu includes: how to write a kernel that nvcc and clang compile
 * for a GPU and g++ for the emulator (tests/emulate), from the same source.
 *
 *     SS_KERNEL(double_it)(float *y, const float *x, int64_t n)
 *     {
 *         SS_EACH (i, n)
 *             y[i] = 2 * x[i];
 *     }
 *
 *     SS_TWIN(double_it)
 *     {
 *         const int64_t n = c->out[0].count;
 *         if (n) SS_LAUNCH(g, double_it, ss_grid(g, n), SS_BLOCK, 0, ss_out_ptr<float>(c, 0), ...,
 * n); return ss_launched(c, g);
 *     }
 *
 * It is CUDA but for four words that the emulator has to see: SS_KERNEL, SS_SHARED, SS_DYN_SHARED
 * and SS_LAUNCH. Kernels use no atomics on floats (the order of sums must not depend on the
 * schedule), and every thread of a block reaches every barrier. */
#ifndef SEMISAM_CUDA_H
#define SEMISAM_CUDA_H
#include "gpu.h"
#include <math.h>
#include <stdint.h>

#ifdef SS_EMULATE
#include "emulate.h"
#else
#include <cuda_fp16.h>
/* A kernel; internal to its file. */
#define SS_KERNEL(name) static __global__ void name
/* SS_SHARED(float, tile, [16][17]) — memory of the block, not initialised. */
#define SS_SHARED(T, name, dims) __shared__ T name dims
/* SS_DYN_SHARED(float, buf) — the `smem` bytes of the launch. */
#define SS_DYN_SHARED(T, name)                                                                     \
    extern __shared__ double ss_dyn_shared_[];                                                     \
    T *name = (T *)ss_dyn_shared_
/* SS_LAUNCH(g, kernel, grid, block, smem, arguments...) — queues it on g's stream. */
#define SS_LAUNCH(g, kernel, grid, block, smem, ...)                                               \
    (kernel<<<(grid), (block), (smem), (g)->stream>>>(__VA_ARGS__))
#endif

#define SS_DEVICE static __device__ __forceinline__
#define SS_HOST_DEVICE static __host__ __device__ __forceinline__
/* SS_TWIN(op) { ... } — the op's code: (ss_call *c, ss_gpu *g) to ss_status. clang would put the
 * constant that names it on the device as well. */
#if defined(__clang__) && defined(__CUDA_ARCH__)
#define SS_TWIN(op) static inline ss_status twin_of_##op(ss_call *c, ss_gpu *g)
#else
#define SS_TWIN(op)                                                                                \
    static ss_status twin_of_##op(ss_call *c, ss_gpu *g);                                          \
    extern "C" const ss_twin ss_twin_##op;                                                         \
    const ss_twin ss_twin_##op = {#op, twin_of_##op};                                              \
    static ss_status twin_of_##op(ss_call *c, ss_gpu *g)
#endif

enum { SS_BLOCK = 256, SS_WARP = 32 };
#define SS_ALL 0xffffffffu /* every lane of a warp */

/* SS_EACH(i, n) — i from 0 to n-1, shared out over all threads of the launch. */
#define SS_EACH(i, n)                                                                              \
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n);                      \
         i += (int64_t)gridDim.x * blockDim.x)

/* ss_grid() — blocks of SS_BLOCK threads for n independent elements: enough to fill the device. */
static inline unsigned ss_grid(const ss_gpu *g, int64_t n, int block = SS_BLOCK)
{
    const int64_t want = (n + block - 1) / block, most = (int64_t)g->multiprocessors * 32;
    return (unsigned)(want < 1 ? 1 : want < most ? want : most);
}

/* ss_block_for() — threads of a block that shares out n elements: whole warps, at most SS_BLOCK. */
static inline unsigned ss_block_for(int64_t n)
{
    const int64_t warps = (n + SS_WARP - 1) / SS_WARP;
    return (unsigned)(warps < 1                    ? 1
                      : warps < SS_BLOCK / SS_WARP ? warps
                                                   : SS_BLOCK / SS_WARP) *
           SS_WARP;
}

/* ss_launched() — the end of every twin: what the launches reported. */
static inline ss_status ss_launched(ss_call *c, ss_gpu *g)
{
    const cudaError_t e = cudaGetLastError();
    (void)g;
    return e == cudaSuccess ? SS_OK : ss_fail(c, SS_E_CUDA, "%s", cudaGetErrorString(e));
}

template <class T> static inline T *ss_out_ptr(const ss_call *c, int k)
{
    return (T *)c->out[k].data;
}
template <class T> static inline const T *ss_in_ptr(const ss_call *c, int k)
{
    return (const T *)c->in[k].data;
}

/* ---- element types ------------------------------------------------------------- */

/* f16 and bf16 as stored; arithmetic is in f32. */
struct ss_f16 {
    uint16_t bits;
};
struct ss_bf16 {
    uint16_t bits;
};

SS_HOST_DEVICE float ss_f32(float x)
{
    return x;
}
SS_HOST_DEVICE float ss_f32(ss_bf16 x)
{
    union {
        uint32_t u;
        float f;
    } v = {(uint32_t)x.bits << 16};
    return v.f;
}
SS_DEVICE float ss_f32(ss_f16 x)
{
#ifdef SS_EMULATE
    return ss_f16_to_f32(x.bits);
#else
    return __half2float(__ushort_as_half(x.bits));
#endif
}

/* ss_put(&y, x) — x rounded to y's type, ties to even. */
SS_DEVICE void ss_put(float *y, float x)
{
    *y = x;
}
SS_DEVICE void ss_put(ss_bf16 *y, float x)
{
    union {
        float f;
        uint32_t u;
    } v = {x};
    if ((v.u & 0x7fffffffu) > 0x7f800000u)
        y->bits = (uint16_t)((v.u >> 16) | 0x40u); /* quiet NaN */
    else
        y->bits = (uint16_t)((v.u + 0x7fffu + ((v.u >> 16) & 1u)) >> 16);
}
SS_DEVICE void ss_put(ss_f16 *y, float x)
{
#ifdef SS_EMULATE
    y->bits = ss_f32_to_f16(x);
#else
    y->bits = __half_as_ushort(__float2half_rn(x));
#endif
}

/* SS_FLOATS(dtype, T, code) — code with T as the element type of a float view. */
#define SS_FLOATS(dtype, T, ...)                                                                   \
    switch (dtype) {                                                                               \
    case SS_F16: {                                                                                 \
        typedef ss_f16 T;                                                                          \
        __VA_ARGS__                                                                                \
    } break;                                                                                       \
    case SS_BF16: {                                                                                \
        typedef ss_bf16 T;                                                                         \
        __VA_ARGS__                                                                                \
    } break;                                                                                       \
    default: {                                                                                     \
        typedef float T;                                                                           \
        __VA_ARGS__                                                                                \
    } break;                                                                                       \
    }

/* Element i of an array whose type is known at run time only. The branch is the same for all
 * threads. */
SS_DEVICE float ss_load(const void *p, ss_dtype t, int64_t i)
{
    switch (t) {
    case SS_BOOL:
        return ((const uint8_t *)p)[i] != 0;
    case SS_U8:
        return (float)((const uint8_t *)p)[i];
    case SS_I32:
        return (float)((const int32_t *)p)[i];
    case SS_I64:
        return (float)((const int64_t *)p)[i];
    case SS_F16:
        return ss_f32(((const ss_f16 *)p)[i]);
    case SS_BF16:
        return ss_f32(((const ss_bf16 *)p)[i]);
    default:
        return ((const float *)p)[i];
    }
}
/* The same to a float array. */
SS_DEVICE void ss_store(void *p, ss_dtype t, int64_t i, float x)
{
    if (t == SS_F16)
        ss_put((ss_f16 *)p + i, x);
    else if (t == SS_BF16)
        ss_put((ss_bf16 *)p + i, x);
    else
        ((float *)p)[i] = x;
}

/* ---- geometry ------------------------------------------------------------------- */

/* Shape and strides of a view, small enough to be a kernel's argument. */
struct ss_walk {
    int ndim;
    int64_t shape[SS_MAX_DIM], stride[SS_MAX_DIM];
};
static inline ss_walk ss_walk_of(const ss_view *v)
{
    ss_walk w = {};
    w.ndim = v->ndim;
    for (int a = 0; a < v->ndim; a++) w.shape[a] = v->shape[a], w.stride[a] = v->stride[a];
    return w;
}
/* v seen with y's shape: repeated axes have stride 0. */
static inline ss_walk ss_walk_onto(const ss_view *v, const ss_view *y)
{
    ss_walk w = {};
    w.ndim = y->ndim;
    for (int a = 0; a < y->ndim; a++) {
        const int b = a - (y->ndim - v->ndim);
        w.shape[a] = y->shape[a];
        w.stride[a] = b < 0 || v->shape[b] == 1 ? 0 : v->stride[b];
    }
    return w;
}
/* Where element i, counted in row-major order, lies. */
SS_DEVICE int64_t ss_walk_at(const ss_walk &w, int64_t i)
{
    int64_t at = 0;
    for (int a = w.ndim - 1; a >= 0; a--) {
        at += i % w.shape[a] * w.stride[a];
        i /= w.shape[a];
    }
    return at;
}

/* ---- sums over a warp and a block -------------------------------------------------- */

template <class T> SS_DEVICE T ss_warp_sum(T x)
{
    for (int d = SS_WARP / 2; d > 0; d /= 2) x += __shfl_xor_sync(SS_ALL, x, d);
    return x;
}
/* The sum over the block, for every thread, always added in the same order. The block is a multiple
 * of a warp; every thread calls it. */
template <class T> SS_DEVICE T ss_block_sum(T x)
{
    SS_SHARED(T, part, [SS_WARP]);
    const int warps = (int)blockDim.x / SS_WARP;
    x = ss_warp_sum(x);
    __syncthreads(); /* part may still be read from the call before */
    if (threadIdx.x % SS_WARP == 0) part[threadIdx.x / SS_WARP] = x;
    __syncthreads();
    T s = 0;
    for (int w = 0; w < warps; w++) s += part[w];
    return s;
}
#endif
