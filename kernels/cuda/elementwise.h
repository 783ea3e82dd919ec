/* elementwise.h — the CUDA twin of support/elementwise.h: each element from the same place of its
 * inputs, broadcast, any strides.
 *
 *     SS_EW2(floats, float, float, a + b)
 *     SS_EW2(ints, int64_t, uint64_t, a + b)
 *     SS_TWIN(add) { return ss_ew_num<2, floats, ints>(c, g); }
 *
 * Where every operand runs along the innermost axis or repeats there, a thread takes SS_RUN
 * neighbours and moves them 16 bytes at a time; the element type is looked up once a run, so one
 * kernel an expression serves all types. Everything else goes element by element. */
#ifndef SEMISAM_CUDA_ELEMENTWISE_H
#define SEMISAM_CUDA_ELEMENTWISE_H
#include "run.h"
#include <string.h>

struct ss_ew_operand {
    void *data;
    ss_dtype type;
    int64_t stride[SS_MAX_DIM];
};
/* op[0] is the result. Neighbouring axes that all operands walk as one are merged. */
template <int N> struct ss_ew_call {
    int64_t count, runs; /* elements; whole runs, which come first */
    alignas(8) float p[4];
    int nd;
    int64_t shape[SS_MAX_DIM];
    ss_ew_operand op[N + 1];
};

/* Expressions see a (of type A), b and c (of type T) and the parameters p[0], p[1], or with
 * ss_ew_whole(p, 0) and (p, 1) two integers. */
#define SS_EW_(name, Y_, A_, T_, EXPR)                                                             \
    struct name {                                                                                  \
        typedef A_ A;                                                                              \
        typedef T_ T;                                                                              \
        typedef Y_ Y;                                                                              \
        static __device__ __forceinline__ Y_ at(const A_ a, const T_ b, const T_ c,                \
                                                const float *p)                                    \
        {                                                                                          \
            (void)a, (void)b, (void)c, (void)p;                                                    \
            return (Y_)(EXPR);                                                                     \
        }                                                                                          \
    };
#define SS_EW1(name, Y, T, EXPR) SS_EW_(name, Y, T, T, EXPR)
#define SS_EW2(name, Y, T, EXPR) SS_EW_(name, Y, T, T, EXPR)
#define SS_EW3(name, Y, T, EXPR) SS_EW_(name, Y, T, T, EXPR)
/* a is a truth value, b and c are of type T. */
#define SS_EW_IF(name, T, EXPR) SS_EW_(name, T, uint8_t, T, EXPR)

SS_DEVICE int64_t ss_ew_whole(const float *p, int k)
{
    int64_t v;
    memcpy(&v, p + 2 * k, sizeof v);
    return v;
}

/* Where element i of the result lies in every operand. */
template <class I, int N> SS_DEVICE void ss_ew_walk(const ss_ew_call<N> &e, I i, int64_t *at)
{
    for (int a = e.nd - 1; a > 0; a--) {
        const I n = (I)e.shape[a], up = i / n, here = i - up * n;
        for (int k = 0; k <= N; k++) at[k] += (int64_t)here * e.op[k].stride[a];
        i = up;
    }
    for (int k = 0; k <= N; k++) at[k] += (int64_t)i * e.op[k].stride[0];
}
template <int N> SS_DEVICE void ss_ew_place(const ss_ew_call<N> &e, int64_t i, int64_t *at)
{
    for (int k = 0; k <= N; k++) at[k] = 0;
    if (e.count <= UINT32_MAX) /* 32-bit division is several times faster */
        ss_ew_walk<uint32_t>(e, (uint32_t)i, at);
    else
        ss_ew_walk<uint64_t>(e, (uint64_t)i, at);
}

/* The run of operand o that begins at element `at`; along = 0 repeats one element. */
template <class T>
SS_DEVICE void ss_ew_read(T *to, const ss_ew_operand &o, int64_t at, int64_t along)
{
    if (along) {
        ss_read_run(to, o.data, o.type, at);
    } else {
        ss_read(&to[0], o.data, o.type, at);
        SS_UNROLL
        for (int r = 1; r < SS_RUN; r++) to[r] = to[0];
    }
}

template <class F, int N> SS_KERNEL(ss_ew_kernel)(ss_ew_call<N> e)
{
    constexpr int kb = N > 1 ? 2 : 1, kc = N > 2 ? 3 : 1; /* operands of b and c */
    int64_t at[N + 1];
    SS_EACH (j, e.runs) {
        typename F::A a[SS_RUN];
        typename F::T b[SS_RUN] = {}, c[SS_RUN] = {};
        typename F::Y y[SS_RUN];
        const int in = e.nd - 1;
        ss_ew_place(e, j * SS_RUN, at);
        ss_ew_read(a, e.op[1], at[1], e.op[1].stride[in]);
        if (N > 1) ss_ew_read(b, e.op[kb], at[kb], e.op[kb].stride[in]);
        if (N > 2) ss_ew_read(c, e.op[kc], at[kc], e.op[kc].stride[in]);
        SS_UNROLL
        for (int r = 0; r < SS_RUN; r++) y[r] = F::at(a[r], b[r], c[r], e.p);
        ss_write_run(e.op[0].data, e.op[0].type, at[0], y);
    }
    const int64_t done = e.runs * SS_RUN;
    SS_EACH (j, e.count - done) {
        typename F::A a;
        typename F::T b = 0, c = 0;
        ss_ew_place(e, done + j, at);
        ss_read(&a, e.op[1].data, e.op[1].type, at[1]);
        if (N > 1) ss_read(&b, e.op[kb].data, e.op[kb].type, at[kb]);
        if (N > 2) ss_read(&c, e.op[kc].data, e.op[kc].type, at[kc]);
        ss_write(e.op[0].data, e.op[0].type, at[0], F::at(a, b, c, e.p));
    }
}

/* Aligns the operands (the result first) with the result's shape and merges axes. */
static inline void ss_ew_plan(int nop, const ss_view *const *v, ss_ew_operand *op, int64_t *shape,
                              int *nd)
{
    const ss_view *y = v[0];
    *nd = 0;
    for (int k = 0; k < nop; k++) op[k].data = v[k]->data, op[k].type = v[k]->dtype;
    for (int a = 0; a < y->ndim; a++) {
        int64_t s[8];
        bool merge = *nd > 0;
        if (y->shape[a] == 1) continue;
        for (int k = 0; k < nop; k++) {
            const int b = a - (y->ndim - v[k]->ndim);
            s[k] = b < 0 || v[k]->shape[b] == 1 ? 0 : v[k]->stride[b];
            merge = merge && op[k].stride[*nd - 1] == s[k] * y->shape[a];
        }
        if (!merge) shape[(*nd)++] = 1;
        shape[*nd - 1] *= y->shape[a];
        for (int k = 0; k < nop; k++) op[k].stride[*nd - 1] = s[k];
    }
    if (*nd == 0) { /* a single element */
        shape[(*nd)++] = 1;
        for (int k = 0; k < nop; k++) op[k].stride[0] = k ? 0 : 1;
    }
}

/* Whether operand o can be taken in runs: along the innermost axis, aligned in every row. */
static inline bool ss_ew_runs(const ss_ew_operand *o, int nd, bool output)
{
    if (o->stride[nd - 1] == 0) return !output;
    bool fits = o->stride[nd - 1] == 1;
    for (int a = 0; a < nd; a++)
        fits = fits && ss_run_fits(o->data, o->type, a == nd - 1 ? (int64_t)SS_RUN : o->stride[a]);
    return fits;
}

/* y = F(x[0..N)); p: NULL, two floats, or two 64-bit integers. */
template <class F, int N, class P = float>
static inline ss_status ss_ew_run(ss_call *c, ss_gpu *g, const ss_view *y, const ss_view *x,
                                  const P *p)
{
    ss_ew_call<N> e = {};
    const ss_view *v[N + 1] = {y};
    if (y->count == 0) return SS_OK;
    for (int k = 0; k < N; k++) v[k + 1] = &x[k];
    e.count = y->count;
    if (p) memcpy(e.p, p, 2 * sizeof *p);
    ss_ew_plan(N + 1, v, e.op, e.shape, &e.nd);
    const int64_t inner = e.shape[e.nd - 1];
    bool runs = (e.nd == 1 || inner % SS_RUN == 0) && ss_ew_runs(&e.op[0], e.nd, true) &&
                ss_run_writes((typename F::Y *)nullptr, y->dtype);
    for (int k = 1; k <= N; k++) {
        const bool types = k == 1 ? ss_run_reads((typename F::A *)nullptr, x[0].dtype)
                                  : ss_run_reads((typename F::T *)nullptr, x[k - 1].dtype);
        runs = runs && ss_ew_runs(&e.op[k], e.nd, false) && (types || !e.op[k].stride[e.nd - 1]);
    }
    if (runs) e.runs = e.count / SS_RUN;
    const int64_t threads = e.runs > SS_RUN ? e.runs : e.count - e.runs * SS_RUN + e.runs;
    SS_LAUNCH(g, (ss_ew_kernel<F, N>), ss_grid(g, threads), SS_BLOCK, 0, e);
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
    return f ? ss_ew_run<F, 2>(c, g, &c->out[0], c->in, (const float *)nullptr)
             : ss_ew_run<I, 2>(c, g, &c->out[0], c->in, (const float *)nullptr);
}
#endif
