/* var.cu — variance over axes. */
#include "cuda/fill.h"
#include "cuda/reduce.h"

/* Sums of d and d^2, d the distance from the first element of the fold: within reach of the mean,
 * so that little cancels. */
struct moments {
    struct A {
        double sum, squares;
    };
    typedef float T;
    void *y;
    ss_dtype type;
    double n, divisor, first;
    __device__ A zero() const
    {
        return {0, 0};
    }
    __device__ void start(int64_t, T x0)
    {
        first = (double)x0;
    }
    __device__ void add(A &a, T x, int64_t) const
    {
        const double d = (double)x - first;
        a.sum += d;
        a.squares += d * d;
    }
    __device__ void merge(A &a, const A &b) const
    {
        a.sum += b.sum;
        a.squares += b.squares;
    }
    __device__ void finish(const ss_fold_call &, int64_t r, const A &a) const
    {
        const double square = a.squares - a.sum * (a.sum / n);
        ss_write(y, type, r, (float)((square < 0 ? 0.0 : square) / divisor));
    }
};

SS_TWIN(var)
{
    const ss_view *y = &c->out[0];
    const double n = (double)ss_fold_count(&c->in[0], &c->attr[0]);
    if (n == 0) return ss_fill_view(c, g, y, NAN);
    const moments how = {y->data, y->dtype, n, n - (c->attr[2].v[0] ? 1 : 0), 0};
    return ss_fold_run(c, g, &c->in[0], &c->attr[0], how, c->scratch);
}
