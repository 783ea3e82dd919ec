/* _extremum_dx.cu — gradient of max and min: dy at the first element equal to y. */
#include "cuda/fill.h"
#include "cuda/reduce.h"

/* The first element of each fold that equals y[r]; then dx there. */
struct first_match {
    typedef float T;
    typedef int64_t A;
    ss_view dy, y, dx;
    float want;
    __device__ A zero() const
    {
        return INT64_MAX;
    }
    __device__ void start(int64_t r, T)
    {
        want = ss_load(y.data, y.dtype, r);
    }
    __device__ void add(A &a, T x, int64_t e) const
    {
        if (e < a && (x == want || (x != x && want != want))) a = e;
    }
    __device__ void merge(A &a, const A &b) const
    {
        if (b < a) a = b;
    }
    __device__ void finish(const ss_fold_call &f, int64_t r, const A &a) const
    {
        if (a != INT64_MAX)
            ss_store(dx.data, dx.dtype, ss_fold_place(f, r, a), ss_load(dy.data, dy.dtype, r));
    }
};

SS_TWIN(_extremum_dx)
{
    const ss_view *x = &c->in[1], *y = &c->in[2];
    ss_attr kept = {y->ndim, 0, {0}, nullptr}, dims;
    for (int a = 0; a < y->ndim; a++) kept.v[a] = y->shape[a];
    ss_repeated_axes(x, &kept, &dims);
    const first_match how = {c->in[0], *y, c->out[0], 0};
    const ss_status s = ss_fill_view(c, g, &c->out[0], 0);
    return s == SS_OK ? ss_fold_run(c, g, x, &dims, how, c->scratch) : s;
}
