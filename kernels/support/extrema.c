/* extrema.c — folding by comparison (extrema.h). */
#include "extrema.h"

enum { COLS = 256 };

ss_status ss_infer_extremum(ss_call *c)
{
    const ss_view *x = &c->in[0];
    ss_status s = ss_infer_reduce(c, 0, x->dtype, &c->attr[0], c->attr[1].v[0] != 0);
    if (s == SS_OK && x->count == 0 && c->out[0].count > 0)
        return ss_fail(c, SS_E_SHAPE, "nothing to choose from: a folded axis of x is empty");
    return s;
}

/* ---- places -------------------------------------------------------------- */

/* Elements before, along and after one axis. */
static void split(const ss_view *x, int axis, int64_t *outer, int64_t *n, int64_t *inner)
{
    *outer = *inner = 1;
    for (int a = 0; a < axis; a++) *outer *= x->shape[a];
    for (int a = axis + 1; a < x->ndim; a++) *inner *= x->shape[a];
    *n = x->shape[axis];
}

ss_status ss_infer_arg_extremum(ss_call *c)
{
    const ss_view *x = &c->in[0];
    const ss_attr dims = ss_int(c->attr[0].v[0]);
    ss_status s = ss_infer_reduce(c, 0, SS_I64, &dims, c->attr[1].v[0] != 0);
    if (s == SS_OK && c->out[0].count > 0 && x->count == 0)
        return ss_fail(c, SS_E_SHAPE, "nothing to choose from: axis %d of x is empty",
                       (int)dims.v[0] + 1);
    return s;
}

/* Row i of a block of columns: takes the better values, notes their place. */
#define STEP(name, T, BETTER)                                                                      \
    static void name(void *best_, int64_t *place, const void *x_, int64_t i, int64_t m)            \
    {                                                                                              \
        T *best = (T *)best_;                                                                      \
        const T *x = (const T *)x_;                                                                \
        for (int64_t j = 0; j < m; j++) {                                                          \
            const T a = x[j], b = best[j];                                                         \
            const bool win = BETTER;                                                               \
            best[j] = win ? a : b;                                                                 \
            place[j] = win ? i : place[j];                                                         \
        }                                                                                          \
    }
STEP(step_largest, float, a > b || (a != a && b == b))
STEP(step_smallest, float, a < b || (a != a && b == b))
STEP(step_largest_int, int64_t, a > b)
STEP(step_smallest_int, int64_t, a < b)

typedef void step_fn(void *best, int64_t *place, const void *x, int64_t i, int64_t m);

/* m columns `cs` elements apart that begin at element `at`; n rows `rs` elements apart. */
static void arg_block(const ss_view *x, step_fn *step, ss_as as, int64_t at, int64_t n, int64_t rs,
                      int64_t m, int64_t cs, int64_t *place)
{
    int64_t best[COLS], row[COLS]; /* large enough for either working type */
    const char *data = (const char *)x->data;
    const int64_t size = (int64_t)ss_dtype_bytes(x->dtype);
    ss_load_run(best, as, data + at * size, x->dtype, cs, m);
    for (int64_t j = 0; j < m; j++) place[j] = 0;
    for (int64_t i = 1; i < n; i++) {
        const char *src = data + (at + i * rs) * size;
        if (cs != 1 || (x->dtype != SS_F32 && x->dtype != SS_I64)) {
            ss_load_run(row, as, src, x->dtype, cs, m);
            step(best, place, row, i, m);
        } else {
            step(best, place, src, i, m);
        }
    }
}

ss_status ss_arg_extremum(ss_call *c, ss_choice which)
{
    static step_fn *const steps[2][2] = {{step_largest_int, step_smallest_int},
                                         {step_largest, step_smallest}};
    const ss_view *x = &c->in[0];
    const bool f = ss_is_float(x->dtype);
    int64_t outer, n, inner, *y = (int64_t *)c->out[0].data;
    split(x, (int)c->attr[0].v[0], &outer, &n, &inner);
    /* Along the last axis the places before it serve as columns. */
    const bool last = inner == 1;
    const int64_t groups = last ? 1 : outer, cols = last ? outer : inner;
    const int64_t blocks = ss_ceil_div(cols, COLS);
    SS_PARALLEL_FOR (t, groups * blocks, COLS * n) {
        const int64_t g = t / blocks, j = t % blocks * COLS, m = ss_min64(COLS, cols - j);
        const int64_t at = last ? j * n : g * n * inner + j;
        arg_block(x, steps[f][which], f ? SS_AS_F32 : SS_AS_I64, at, n, last ? 1 : inner, m,
                  last ? n : 1, y + g * cols + j);
    }
    return SS_OK;
}

/* ---- gradient ------------------------------------------------------------ */

static float element(const ss_view *v, int64_t at)
{
    float f;
    ss_load_f32(&f, (const char *)v->data + at * (int64_t)ss_dtype_bytes(v->dtype), v->dtype, 1);
    return f;
}

/* Walks x once in order; the first match of each fold takes dy. Scratch: a byte per fold. */
ss_status ss_extremum_dx(ss_call *c)
{
    const ss_view *dy = &c->in[0], *x = &c->in[1], *y = &c->in[2], *dx = &c->out[0];
    const int64_t size = (int64_t)ss_dtype_bytes(dx->dtype);
    uint8_t *done = (uint8_t *)c->scratch;
    int64_t step[SS_MAX_DIM] = {0}, index[SS_MAX_DIM] = {0}, fold = 0, n = 1;
    ss_zero_view(dx);
    memset(done, 0, (size_t)y->count);
    for (int a = x->ndim - 1; a >= 0; a--) {
        step[a] = y->shape[a] == 1 ? 0 : n;
        n *= y->shape[a];
    }
    for (int64_t i = 0; i < x->count; i++) {
        if (!done[fold]) {
            const float v = element(x, i), want = element(y, fold);
            if (v == want || (v != v && want != want)) {
                const float d = element(dy, fold);
                ss_store_f32((char *)dx->data + i * size, dx->dtype, &d, 1);
                done[fold] = 1;
            }
        }
        for (int a = x->ndim - 1; a >= 0; a--) {
            fold += step[a];
            if (++index[a] < x->shape[a]) break;
            fold -= step[a] * x->shape[a];
            index[a] = 0;
        }
    }
    return SS_OK;
}

void ss_extremum_grad(ss_grad *g)
{
    const ss_view *x = &g->in_view[0];
    const ss_attr kept = ss_kept_shape(x, &g->attr[0]);
    ss_tensor *dy = ss_g(g, "reshape", 1, (ss_tensor *[]){g->dy[0]}, 1, &kept);
    ss_tensor *y = ss_g(g, "reshape", 1, (ss_tensor *[]){g->out[0]}, 1, &kept);
    ss_dx(g, 0, ss_g(g, "_extremum_dx", 3, (ss_tensor *[]){dy, g->in[0], y}, 0, NULL));
}
