/* elementwise.h — the CUDA twin of support/elementwise.h: each element from the same place of its
 * inputs, broadcast, any strides.
 *
 *     SS_EW2(floats, float, float, a + b)
 *     SS_EW2(ints, int64_t, uint64_t, a + b)
 *     SS_TWIN(add) { return ss_ew_num<2, floats, ints>(c, g); }
 */
#ifndef SEMISAM_CUDA_ELEMENTWISE_H
#define SEMISAM_CUDA_ELEMENTWISE_H
#include "number.h"

enum { SS_EW_MAX_IN = 4 };

/* One operand; `flat`: element i of the result lies at i. */
struct ss_ew_operand {
    void *data;
    ss_dtype type;
    bool flat;
    ss_walk walk;
};
template <int N> struct ss_ew_call {
    int64_t count;
    float p[2];
    ss_ew_operand y, x[N];
};

/* Expressions see a, b, c in type T and the parameters p[0], p[1]; as on the CPU. */
#define SS_EW_(name, Y_, T_, EXPR)                                                                 \
    struct name {                                                                                  \
        typedef T_ T;                                                                              \
        typedef Y_ Y;                                                                              \
        static __device__ __forceinline__ Y_ at(const T_ *x, const float *p)                       \
        {                                                                                          \
            const T_ a = x[0], b = x[1], c = x[2];                                                 \
            (void)a, (void)b, (void)c, (void)p;                                                    \
            return (Y_)(EXPR);                                                                     \
        }                                                                                          \
    };
#define SS_EW1(name, Y, T, EXPR) SS_EW_(name, Y, T, EXPR)
#define SS_EW2(name, Y, T, EXPR) SS_EW_(name, Y, T, EXPR)
#define SS_EW3(name, Y, T, EXPR) SS_EW_(name, Y, T, EXPR)

template <class F, int N> SS_KERNEL(ss_ew_kernel)(ss_ew_call<N> e)
{
    SS_EACH(i, e.count)
    {
        typename F::T x[3] = {};
        for (int k = 0; k < N; k++) {
            const ss_ew_operand &o = e.x[k];
            ss_read(&x[k], o.data, o.type, o.flat ? i : ss_walk_at(o.walk, i));
        }
        const typename F::Y y = F::at(x, e.p);
        ss_write(e.y.data, e.y.type, e.y.flat ? i : ss_walk_at(e.y.walk, i), y);
    }
}

static inline ss_ew_operand ss_ew_of(const ss_view *v, const ss_view *y)
{
    ss_ew_operand o = {v->data, v->dtype, true, ss_walk_onto(v, y)};
    int64_t want = 1;
    for (int a = y->ndim - 1; a >= 0; a--) {
        if (y->shape[a] != 1 && o.walk.stride[a] != want) o.flat = false;
        want *= y->shape[a];
    }
    return o;
}

/* y = F(x[0..N)); p: NULL or two numbers. */
template <class F, int N>
static inline ss_status ss_ew_run(ss_call *c, ss_gpu *g, const ss_view *y, const ss_view *x,
                                  const float *p)
{
    ss_ew_call<N> e = {};
    e.count = y->count;
    if (p) e.p[0] = p[0], e.p[1] = p[1];
    e.y = ss_ew_of(y, y);
    for (int k = 0; k < N; k++) e.x[k] = ss_ew_of(&x[k], y);
    if (e.count) SS_LAUNCH(g, (ss_ew_kernel<F, N>), ss_grid(g, e.count), SS_BLOCK, 0, e);
    return ss_launched(c, g);
}

/* out[0] = F(in...), everything seen as f32. */
template <int N, class F>
static inline ss_status ss_ew_f32(ss_call *c, ss_gpu *g, const float *p = nullptr)
{
    return ss_ew_run<F, N>(c, g, &c->out[0], c->in, p);
}
/* i64 when out[0] is an integer or bool, f32 otherwise. */
template <int N, class F, class I>
static inline ss_status ss_ew_num(ss_call *c, ss_gpu *g, const float *p = nullptr)
{
    return ss_is_float(c->out[0].dtype) ? ss_ew_run<F, N>(c, g, &c->out[0], c->in, p)
                                        : ss_ew_run<I, N>(c, g, &c->out[0], c->in, p);
}
/* out[0] bool: inputs seen as i64 when both are integers or bool, f32 otherwise. */
template <class F, class I> static inline ss_status ss_ew_compare(ss_call *c, ss_gpu *g)
{
    const bool f = ss_is_float(c->in[0].dtype) || ss_is_float(c->in[1].dtype);
    return f ? ss_ew_run<F, 2>(c, g, &c->out[0], c->in, nullptr)
             : ss_ew_run<I, 2>(c, g, &c->out[0], c->in, nullptr);
}
#endif
