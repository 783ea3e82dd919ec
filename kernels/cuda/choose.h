/* choose.h — the CUDA twin of support/choose.h and extrema.h: folding by comparison. */
#ifndef SEMISAM_CUDA_CHOOSE_H
#define SEMISAM_CUDA_CHOOSE_H
#include "reduce.h"

/* Whether a is chosen rather than b. A NaN beats every number. */
template <bool LARGEST> SS_DEVICE bool ss_beats(float a, float b)
{
    return (LARGEST ? a > b : a < b) || (a != a && b == b);
}
template <bool LARGEST> SS_DEVICE bool ss_beats(int64_t a, int64_t b)
{
    return LARGEST ? a > b : a < b;
}
SS_DEVICE float ss_worst(float, bool largest)
{
    return largest ? -INFINITY : INFINITY;
}
SS_DEVICE int64_t ss_worst(int64_t, bool largest)
{
    return largest ? INT64_MIN : INT64_MAX;
}

template <class T_, bool LARGEST> struct ss_fold_extremum {
    typedef T_ T;
    typedef T_ A;
    void *y;
    ss_dtype type;
    __device__ A zero() const
    {
        return ss_worst(T(), LARGEST);
    }
    __device__ void start(int64_t, T)
    {
    }
    __device__ void add(A &a, T x, int64_t) const
    {
        if (ss_beats<LARGEST>(x, a)) a = x;
    }
    __device__ void merge(A &a, const A &b) const
    {
        if (ss_beats<LARGEST>(b, a)) a = b;
    }
    __device__ void finish(const ss_fold_call &, int64_t r, const A &a) const
    {
        ss_write(y, type, r, a);
    }
};

/* Where it is: of equal elements the first. */
template <class T> struct ss_found {
    T value;
    int64_t place; /* -1: nothing yet */
};
template <class T_, bool LARGEST> struct ss_fold_place_of {
    typedef T_ T;
    typedef ss_found<T_> A;
    int64_t *y;
    __device__ A zero() const
    {
        return {T(), -1};
    }
    __device__ void start(int64_t, T)
    {
    }
    __device__ void add(A &a, T x, int64_t e) const
    {
        if (a.place < 0 || ss_beats<LARGEST>(x, a.value)) a = {x, e};
    }
    __device__ void merge(A &a, const A &b) const
    {
        if (b.place < 0) return;
        const bool better = ss_beats<LARGEST>(b.value, a.value);
        const bool equal = !better && !ss_beats<LARGEST>(a.value, b.value);
        if (a.place < 0 || better || (equal && b.place < a.place)) a = b;
    }
    __device__ void finish(const ss_fold_call &, int64_t r, const A &a) const
    {
        y[r] = a.place;
    }
};

/* Whether all or any are true. */
template <bool ALL> struct ss_fold_truth {
    typedef uint8_t T;
    typedef int A;
    uint8_t *y;
    __device__ A zero() const
    {
        return ALL;
    }
    __device__ void start(int64_t, T)
    {
    }
    __device__ void add(A &a, T x, int64_t) const
    {
        a = ALL ? a & x : a | x;
    }
    __device__ void merge(A &a, const A &b) const
    {
        a = ALL ? a & b : a | b;
    }
    __device__ void finish(const ss_fold_call &, int64_t r, const A &a) const
    {
        y[r] = (uint8_t)a;
    }
};

/* out[0] = the largest or smallest element over attr[0]. */
template <bool LARGEST> static inline ss_status ss_fold_choose(ss_call *c, ss_gpu *g)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    const ss_fold_extremum<float, LARGEST> floats = {y->data, y->dtype};
    const ss_fold_extremum<int64_t, LARGEST> ints = {y->data, y->dtype};
    return ss_is_float(x->dtype) ? ss_fold_run(c, g, x, &c->attr[0], floats, c->scratch)
                                 : ss_fold_run(c, g, x, &c->attr[0], ints, c->scratch);
}
/* out[0] = its place along the axis attr[0]. */
template <bool LARGEST> static inline ss_status ss_fold_arg(ss_call *c, ss_gpu *g)
{
    const ss_view *x = &c->in[0];
    const ss_fold_place_of<float, LARGEST> floats = {ss_out_ptr<int64_t>(c, 0)};
    const ss_fold_place_of<int64_t, LARGEST> ints = {ss_out_ptr<int64_t>(c, 0)};
    const ss_attr dims = {1, 0, {c->attr[0].v[0]}, nullptr};
    return ss_is_float(x->dtype) ? ss_fold_run(c, g, x, &dims, floats, c->scratch)
                                 : ss_fold_run(c, g, x, &dims, ints, c->scratch);
}
#endif
