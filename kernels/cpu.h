/* cpu.h — loops and number formats for the CPU side of kernels.
 *
 * Results never depend on the number of threads: a loop writes each output element from one
 * iteration, and a reduction adds fixed-size chunks in a fixed order (ss_chunk). */
#ifndef SEMISAM_CPU_H
#define SEMISAM_CPU_H
#include "half.h"
#include "op.h"
#include <math.h>
#include <string.h>

/* Iterations of a parallel loop that are worth a thread: below it the loop stays serial. */
enum { SS_GRAIN = 16384 };

#define SS_PRAGMA_(x) _Pragma(#x)
#define SS_PRAGMA(x) SS_PRAGMA_(x)
/* SS_PARALLEL_FOR(i, n, work) — i from 0 to n-1 over threads; `work` is the elements one iteration
 * touches, so that small loops stay on one thread. */
#define SS_PARALLEL_FOR(i, n, work)                                                                \
    SS_PRAGMA(omp parallel for schedule(static) if ((int64_t)(n) * (int64_t)(work) > SS_GRAIN))    \
    for (int64_t i = 0; i < (int64_t)(n); i++)
/* The same with dynamic scheduling, for uneven work. */
#define SS_PARALLEL_FOR_DYNAMIC(i, n, work)                                                        \
    SS_PRAGMA(omp parallel for schedule(dynamic) if ((int64_t)(n) * (int64_t)(work) > SS_GRAIN))   \
    for (int64_t i = 0; i < (int64_t)(n); i++)

/* Elements summed as one unit in reductions; partial sums are then added in order. */
enum { SS_CHUNK = 4096 };

static inline int64_t ss_min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
static inline int64_t ss_max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}
static inline int64_t ss_ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Read n consecutive elements of any type as f32, and write f32 back as any type. Integers
 * round to nearest and saturate; NaN becomes 0 there. */
void ss_load_f32(float *dst, const void *src, ss_dtype t, int64_t n);
void ss_store_f32(void *dst, ss_dtype t, const float *src, int64_t n);

static inline const float *ss_in_f32(const ss_call *c, int i)
{
    return (const float *)c->in[i].data;
}
static inline float *ss_out_f32(const ss_call *c, int i)
{
    return (float *)c->out[i].data;
}
#endif
