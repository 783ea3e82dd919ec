/* reduce.h — the CUDA twin of support/reduce.h: folds axes of a contiguous array, always in the
 * same order.
 *
 * An op writes how elements fold as a struct R; it is a kernel's argument and may carry pointers:
 *     T                    working type elements arrive in: float, int64_t, uint64_t or truth
 *     A                    a partial result, at most SS_FOLD_PART bytes
 *     A zero()             of nothing
 *     start(r, T x0)       before elements of result r are added; x0 is the first of its fold (0 if
 *                          it has none)
 *     add(A &a, T x, e)    the fold's element e into a
 *     merge(A &a, b)       the partial result b into a
 *     finish(f, r, a)      result r, in row-major order of the kept axes, is complete
 * ss_fold_place(f, r, e) tells where element e lies.
 *
 * A block of 256 threads takes several results; the threads of a result stand side by side along
 * the axis that is contiguous in memory. Few long folds are cut (ss_fold_cuts) and merged by a
 * second kernel. */
#ifndef SEMISAM_CUDA_REDUCE_H
#define SEMISAM_CUDA_REDUCE_H
#include "run.h"
#include "support/fold.h"

struct ss_fold_call {
    const void *data;
    ss_dtype type;
    int nk, nr;
    bool narrow; /* offsets fit 32 bits */
    bool packed; /* each fold is one run of memory that can be read in packs */
    bool along;  /* neighbouring threads take neighbouring elements of a fold, else of results */
    int64_t kshape[SS_FOLD_GROUPS + 1], kstride[SS_FOLD_GROUPS + 1];
    int64_t rshape[SS_FOLD_GROUPS + 1], rstride[SS_FOLD_GROUPS + 1];
    int64_t results, length; /* length: elements of one fold */
    int64_t cuts, part;      /* pieces of a fold; elements of one */
    int team;                /* threads of a result, a power of 2 */
    void *parts;
};

template <class I>
SS_DEVICE int64_t ss_fold_walk(const int64_t *shape, const int64_t *stride, int n, I i)
{
    int64_t at = 0;
    for (int a = 0; a + 1 < n; a++) {
        const I s = (I)shape[a], up = i / s;
        at += (int64_t)(i - up * s) * stride[a];
        i = up;
    }
    return n ? at + (int64_t)i * stride[n - 1] : 0;
}
SS_DEVICE int64_t ss_fold_base(const ss_fold_call &f, int64_t r)
{
    return f.narrow ? ss_fold_walk(f.kshape, f.kstride, f.nk, (uint32_t)r)
                    : ss_fold_walk(f.kshape, f.kstride, f.nk, (uint64_t)r);
}
SS_DEVICE int64_t ss_fold_at(const ss_fold_call &f, int64_t e)
{
    if (f.nr == 1) return e * f.rstride[0];
    return f.narrow ? ss_fold_walk(f.rshape, f.rstride, f.nr, (uint32_t)e)
                    : ss_fold_walk(f.rshape, f.rstride, f.nr, (uint64_t)e);
}

SS_DEVICE int64_t ss_fold_place(const ss_fold_call &f, int64_t r, int64_t e)
{
    return ss_fold_base(f, r) + ss_fold_at(f, e);
}

/* Elements first + lane, first + lane + team, ... below last. */
template <class R>
SS_DEVICE void ss_fold_some(const ss_fold_call &f, const R &how, typename R::A &a, int64_t base,
                            int lane, int64_t first, int64_t last)
{
    if (f.packed) {
        for (int64_t e = first + (int64_t)lane * SS_RUN; e < last; e += (int64_t)f.team * SS_RUN) {
            typename R::T x[SS_RUN];
            ss_read_run(x, f.data, f.type, base + e);
            SS_UNROLL
            for (int j = 0; j < SS_RUN; j++) how.add(a, x[j], e + j);
        }
        return;
    }
    int64_t e = first + lane;
    for (; e + 3 * f.team < last; e += 4 * f.team) { /* four loads on their way at a time */
        typename R::T x[4];
        SS_UNROLL
        for (int j = 0; j < 4; j++)
            ss_read(&x[j], f.data, f.type, base + ss_fold_at(f, e + j * f.team));
        SS_UNROLL
        for (int j = 0; j < 4; j++) how.add(a, x[j], e + j * f.team);
    }
    for (; e < last; e += f.team) {
        typename R::T x;
        ss_read(&x, f.data, f.type, base + ss_fold_at(f, e));
        how.add(a, x, e);
    }
}

/* The team's partial results, `step` apart in `all`, into the first: a tree. */
template <class R>
SS_DEVICE void ss_fold_team(const R &how, typename R::A *all, int lane, int team, int step)
{
    for (int d = team / 2; d > 0; d /= 2) {
        __syncthreads();
        if (lane < d) how.merge(all[0], all[d * step]);
    }
    __syncthreads();
}

template <class R> SS_KERNEL(ss_fold_kernel)(ss_fold_call f, R how)
{
    SS_SHARED(typename R::A, all, [SS_BLOCK]);
    const int t = (int)threadIdx.x, wide = SS_BLOCK / f.team; /* results of a block */
    const int lane = f.along ? t % f.team : t / wide, mine = f.along ? t / f.team : t % wide;
    const int step = f.along ? 1 : wide;
    const int64_t tiles = (f.results + wide - 1) / wide;
    for (int64_t b = blockIdx.x; b < tiles * f.cuts; b += gridDim.x) {
        const int64_t r = b % tiles * wide + mine, cut = b / tiles;
        if (r < f.results) {
            const int64_t base = ss_fold_base(f, r), first = cut * f.part;
            const int64_t last = first + f.part < f.length ? first + f.part : f.length;
            typename R::T x0 = 0;
            if (f.length > 0) ss_read(&x0, f.data, f.type, base);
            typename R::A a = how.zero();
            how.start(r, x0);
            ss_fold_some(f, how, a, base, lane, first, last);
            all[t] = a;
        }
        if (f.team > 1) ss_fold_team(how, all + t, r < f.results ? lane : f.team, f.team, step);
        if (r < f.results && lane == 0) {
            if (f.cuts > 1)
                ((typename R::A *)f.parts)[cut * f.results + r] = all[t];
            else
                how.finish(f, r, all[t]);
        }
    }
}

/* Partial results of each fold, in the order of its pieces: a block a result. */
template <class R> SS_KERNEL(ss_fold_merge)(ss_fold_call f, R how)
{
    SS_SHARED(typename R::A, all, [SS_BLOCK]);
    const typename R::A *parts = (const typename R::A *)f.parts;
    const int t = (int)threadIdx.x;
    for (int64_t r = blockIdx.x; r < f.results; r += gridDim.x) {
        if (t < f.cuts) all[t] = parts[t * f.results + r];
        for (int64_t i = t + SS_BLOCK; i < f.cuts; i += SS_BLOCK)
            how.merge(all[t], parts[i * f.results + r]);
        for (int d = SS_BLOCK / 2; d > 0; d /= 2) {
            __syncthreads();
            if (t < d && t + d < f.cuts) how.merge(all[t], all[t + d]);
        }
        if (t == 0) how.finish(f, r, all[0]);
        __syncthreads();
    }
}

static inline int ss_power_of_2(int64_t n, int most)
{
    int p = 1;
    while (p < n && p < most) p *= 2;
    return p;
}

static inline ss_fold_call ss_fold_plan(const ss_view *x, const ss_attr *dims)
{
    const ss_fold g = ss_fold_of(x, dims);
    ss_fold_call f = {};
    f.data = x->data, f.type = x->dtype;
    f.along = g.inner_folded;
    if (g.inner_folded)
        f.rshape[f.nr] = g.inner, f.rstride[f.nr++] = 1;
    else
        f.kshape[f.nk] = g.inner, f.kstride[f.nk++] = 1;
    for (int i = 0; i < g.nr; i++) f.rshape[f.nr] = g.rshape[i], f.rstride[f.nr++] = g.rstride[i];
    for (int i = 0; i < g.nk; i++) f.kshape[f.nk] = g.kshape[i], f.kstride[f.nk++] = g.kstride[i];
    f.results = g.inner_folded ? g.kept : g.kept * g.inner;
    f.length = g.inner_folded ? g.folded * g.inner : g.folded;
    f.narrow = x->count <= UINT32_MAX && f.results <= UINT32_MAX;
    f.cuts = ss_fold_cuts(&g);
    f.part = (f.length + f.cuts - 1) / f.cuts;
    f.part = (f.part + SS_RUN - 1) / SS_RUN * SS_RUN;
    return f;
}

/* ss_fold_run() — folds the axes `dims` of a contiguous x; scratch as ss_fold_scratch() says. */
template <class R>
static inline ss_status ss_fold_run(ss_call *c, ss_gpu *g, const ss_view *x, const ss_attr *dims,
                                    const R &how, void *scratch)
{
    static_assert(sizeof(typename R::A) <= SS_FOLD_PART, "ss_fold_scratch() allows for less");
    ss_fold_call f = ss_fold_plan(x, dims);
    if (f.results == 0) return SS_OK;
    f.parts = scratch;
    f.packed = f.along && f.nr == 1 && f.length % SS_RUN == 0 && f.length > SS_RUN &&
               ss_run_reads((const typename R::T *)nullptr, x->dtype) &&
               ss_run_fits(x->data, x->dtype, f.length);
    const int64_t work = f.packed ? f.part / SS_RUN : f.part;
    /* Along memory a thread takes a few elements; across it, 32 neighbouring results at least. */
    f.team = f.along ? ss_power_of_2((work + 3) / 4, SS_BLOCK)
                     : ss_power_of_2((work + 3) / 4, SS_BLOCK / ss_power_of_2(f.results, 32));
    const int64_t wide = SS_BLOCK / f.team, tiles = (f.results + wide - 1) / wide;
    SS_LAUNCH(g, (ss_fold_kernel<R>), ss_grid(g, tiles * f.cuts, 1), SS_BLOCK, 0, f, how);
    if (f.cuts > 1) SS_LAUNCH(g, (ss_fold_merge<R>), ss_grid(g, f.results, 1), SS_BLOCK, 0, f, how);
    return ss_launched(c, g);
}
#endif
