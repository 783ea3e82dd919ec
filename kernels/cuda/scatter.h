/* scatter.h — adding elements at places named by an index, always in the same order: every place
 * belongs to one thread, which adds what comes to it in the order of the sources and rounds after
 * each addition, as the CPU does. */
#ifndef SEMISAM_CUDA_SCATTER_H
#define SEMISAM_CUDA_SCATTER_H
#include "index.h"

struct ss_scatter {
    ss_view y, index, src;
    ss_axis to;    /* of y */
    int64_t count; /* sources along the axis */
    bool rows;     /* index has one entry a source, otherwise src's shape */
};

/* A sum as it comes back from memory. */
SS_DEVICE float ss_rounded(float x, ss_dtype t)
{
    if (t == SS_F16) {
        ss_f16 h;
        ss_put(&h, x);
        return ss_f32(h);
    }
    if (t == SS_BF16) {
        ss_bf16 h;
        ss_put(&h, x);
        return ss_f32(h);
    }
    return x;
}
SS_DEVICE int64_t ss_rounded(int64_t x, ss_dtype t)
{
    if (t == SS_U8) return ss_clip(x, 0, 255);
    if (t == SS_I32) return ss_clip(x, INT32_MIN, INT32_MAX);
    return x;
}
SS_DEVICE float ss_plus(float a, float b)
{
    return a + b;
}
SS_DEVICE int64_t ss_plus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* A thread a line of sources: enough lines to fill the device, or few sources. */
template <class T> SS_KERNEL(ss_scatter_lines)(ss_scatter s)
{
    SS_EACH (line, s.to.outer * s.to.inner) {
        int64_t k;
        const int64_t o = ss_split(line, s.to.inner, &k);
        for (int64_t i = 0; i < s.count; i++) {
            const int64_t from = (o * s.count + i) * s.to.inner + k;
            const int64_t j =
                ss_index_within(s.index.data, s.index.dtype, s.rows ? i : from, s.to.n);
            const int64_t at = (o * s.to.n + j) * s.to.inner + k;
            T sum, x;
            ss_read(&sum, s.y.data, s.y.dtype, at);
            ss_read(&x, s.src.data, s.src.dtype, from);
            ss_write(s.y.data, s.y.dtype, at, ss_plus(sum, x));
        }
    }
}

/* A block a row of places: it looks through the index together, then each thread adds the sources
 * of its columns. */
template <class T> SS_KERNEL(ss_scatter_rows)(ss_scatter s)
{
    SS_SHARED(int64_t, hit, [SS_BLOCK]);
    const int t = (int)threadIdx.x;
    const int64_t wide = (s.to.inner + SS_BLOCK - 1) / SS_BLOCK;
    for (int64_t b = blockIdx.x; b < s.to.outer * s.to.n * wide; b += gridDim.x) {
        const int64_t k = b % wide * SS_BLOCK + t, row = b / wide;
        const int64_t j = row % s.to.n, o = row / s.to.n, at = row * s.to.inner + k;
        const bool mine = k < s.to.inner;
        T sum = 0;
        if (mine) ss_read(&sum, s.y.data, s.y.dtype, at);
        for (int64_t first = 0; first < s.count; first += SS_BLOCK) {
            const bool in = first + t < s.count;
            hit[t] = in ? ss_index_within(s.index.data, s.index.dtype, first + t, s.to.n) : -1;
            if (__syncthreads_or(hit[t] == j) && mine)
                for (int i = 0; i < SS_BLOCK; i++)
                    if (hit[i] == j) {
                        T x;
                        ss_read(&x, s.src.data, s.src.dtype,
                                (o * s.count + first + i) * s.to.inner + k);
                        sum = ss_rounded(ss_plus(sum, x), s.y.dtype);
                    }
            __syncthreads(); /* `hit` is written anew */
        }
        if (mine) ss_write(s.y.data, s.y.dtype, at, sum);
    }
}

/* A block 256 places of one line: index and sources pass through shared memory, every thread picks
 * out its own. */
template <class T> SS_KERNEL(ss_scatter_places)(ss_scatter s)
{
    SS_SHARED(int64_t, hit, [SS_BLOCK]);
    SS_SHARED(T, value, [SS_BLOCK]);
    const int t = (int)threadIdx.x;
    const int64_t tiles = (s.to.n + SS_BLOCK - 1) / SS_BLOCK;
    for (int64_t b = blockIdx.x; b < s.to.outer * s.to.inner * tiles; b += gridDim.x) {
        const int64_t j = b % tiles * SS_BLOCK + t, line = b / tiles;
        const int64_t k = line % s.to.inner, o = line / s.to.inner;
        const int64_t at = (o * s.to.n + j) * s.to.inner + k;
        T sum = 0;
        if (j < s.to.n) ss_read(&sum, s.y.data, s.y.dtype, at);
        for (int64_t first = 0; first < s.count; first += SS_BLOCK) {
            const int64_t from = (o * s.count + first + t) * s.to.inner + k;
            const bool in = first + t < s.count;
            hit[t] = in ? ss_index_within(s.index.data, s.index.dtype, from, s.to.n) : -1;
            if (in) ss_read(&value[t], s.src.data, s.src.dtype, from);
            __syncthreads();
            for (int i = 0; i < SS_BLOCK; i++)
                if (hit[i] == j) sum = ss_rounded(ss_plus(sum, value[i]), s.y.dtype);
            __syncthreads(); /* both are written anew */
        }
        if (j < s.to.n) ss_write(s.y.data, s.y.dtype, at, sum);
    }
}

/* y[o, index[i], k] += src[o, i, k]; with `rows` index has one entry per i, otherwise src's shape.
 * All contiguous, y and src of one type; T: float or int64_t. */
template <class T>
static inline ss_status ss_scatter_add(ss_call *c, ss_gpu *g, const ss_view *y,
                                       const ss_view *index, const ss_view *src, int dim, bool rows)
{
    enum { FEW = 8, MANY = 16384 };
    const ss_scatter s = {*y, *index, *src, ss_axis_around(y, dim), src->shape[dim], rows};
    const int64_t lines = s.to.outer * s.to.inner, tiles = (s.to.n + SS_BLOCK - 1) / SS_BLOCK;
    if (src->count == 0 || y->count == 0) return ss_launched(c, g);
    if (lines >= MANY || s.count <= FEW)
        SS_LAUNCH(g, (ss_scatter_lines<T>), ss_grid(g, lines), SS_BLOCK, 0, s);
    else if (rows)
        SS_LAUNCH(g, (ss_scatter_rows<T>), ss_grid(g, s.to.outer * s.to.n, 1), SS_BLOCK, 0, s);
    else
        SS_LAUNCH(g, (ss_scatter_places<T>), ss_grid(g, lines * tiles, 1), SS_BLOCK, 0, s);
    return ss_launched(c, g);
}
#endif
