/* reduce.c — the driver of reduce.h. */
#include "reduce.h"

enum {
    UNIT = SS_REDUCE_UNIT, /* elements loaded at a time; columns of one task */
    WIDE = 256,            /* narrow rows are taken several at a time, up to this many columns */
    ROW_GROUP = 64,        /* results of one task when each is the fold of a contiguous run */
    TASKS = 64,            /* long folds are cut so that about this many tasks exist */
};

typedef struct {
    ss_fold f;
    int64_t tasks, cuts; /* tasks over results; each is cut into `cuts` ranges of the fold */
    int64_t width;       /* results of one task, at most */
    int64_t results;
    const char *data;
    ss_dtype type;
    size_t bytes;
} layout;

static void make_layout(layout *l, const ss_view *x, const ss_attr *dims)
{
    *l = (layout){.f = ss_fold_of(x, dims), .data = x->data, .type = x->dtype};
    l->bytes = ss_dtype_bytes(x->dtype);
    l->results = l->f.inner_folded ? l->f.kept : l->f.kept * l->f.inner;
    l->width = !l->f.inner_folded ? ss_min64(UNIT, l->f.inner) : l->f.kept < TASKS ? 1 : ROW_GROUP;
    l->tasks = l->f.inner_folded ? ss_ceil_div(l->f.kept, l->width)
               : l->f.inner      ? l->f.kept * ss_ceil_div(l->f.inner, UNIT)
                                 : 0;
    const int64_t per_task = l->tasks ? x->count / l->tasks : 0;
    l->cuts = l->tasks == 0 || l->tasks >= TASKS
                  ? 1
                  : ss_max64(1, ss_min64(TASKS / l->tasks, per_task / (4 * UNIT)));
}

static int64_t offset_of(const int64_t *shape, const int64_t *stride, int n, int64_t index)
{
    int64_t at = 0;
    for (int a = 0; a < n; a++) {
        at += index % shape[a] * stride[a];
        index /= shape[a];
    }
    return at;
}

/* Elements at..at+n in the working type: in place, or converted into buf. */
static const void *load(const layout *l, ss_as as, void *buf, int64_t at, int64_t n)
{
    const char *src = l->data + at * (int64_t)l->bytes;
    if ((as == SS_AS_F32 && l->type == SS_F32) || (as == SS_AS_I64 && l->type == SS_I64) ||
        (as == SS_AS_BOOL && l->type == SS_BOOL))
        return src;
    ss_load_run(buf, as, src, l->type, 1, n);
    return buf;
}

/* One result, inner group folded: part `cut` of the elements, counted through the fold. */
static void fold_rows(const ss_reducer *r, const layout *l, int64_t k, int64_t cut, ss_acc *a)
{
    int64_t buf[UNIT];
    const int64_t all = l->f.folded * l->f.inner;
    if (l->f.nr == 0 && l->f.nk < 2 && all <= UNIT) { /* short rows side by side */
        *a = r->init;
        if (cut == 0) r->row(a, load(l, r->as, buf, k * all, all), all);
        return;
    }
    const int64_t base = offset_of(l->f.kshape, l->f.kstride, l->f.nk, k);
    const int64_t part = ss_ceil_div(all, l->cuts);
    const int64_t last = ss_min64(all, (cut + 1) * part);
    *a = r->init;
    for (int64_t e = cut * part; e < last;) {
        const int64_t row = e / l->f.inner, col = e % l->f.inner;
        const int64_t n = ss_min64(ss_min64(UNIT, l->f.inner - col), last - e);
        const int64_t at = base + offset_of(l->f.rshape, l->f.rstride, l->f.nr, row) + col;
        r->row(a, load(l, r->as, buf, at, n), n);
        e += n;
    }
}

/* Columns c..c+n of kept index k, folded over part `cut` of the rows. */
static void fold_cols(const ss_reducer *r, const layout *l, int64_t k, int64_t c, int64_t n,
                      int64_t cut, ss_acc *a)
{
    int64_t buf[UNIT];
    ss_acc wide[WIDE];
    const int64_t base = offset_of(l->f.kshape, l->f.kstride, l->f.nk, k) + c;
    const int64_t part = ss_ceil_div(l->f.folded, l->cuts);
    const int64_t last = ss_min64(l->f.folded, (cut + 1) * part);
    int64_t row = cut * part;
    for (int64_t j = 0; j < n; j++) a[j] = r->init;
    const int64_t many = l->f.nr == 1 && l->f.rstride[0] == l->f.inner ? WIDE / l->f.inner : 0;
    if (many > 1 && last - row >= many) {
        const int64_t width = many * n;
        for (int64_t j = 0; j < width; j++) wide[j] = r->init;
        for (; row + many <= last; row += many)
            r->cols(wide, load(l, r->as, buf, base + row * l->f.inner, width), width);
        for (int64_t i = 0; i < many; i++) r->merge(a, wide + i * n, n);
    }
    for (; row < last; row++) {
        const int64_t at = base + offset_of(l->f.rshape, l->f.rstride, l->f.nr, row);
        r->cols(a, load(l, r->as, buf, at, n), n);
    }
}

/* The results of task t: how many, and the first one. */
static int64_t task_results(const layout *l, int64_t t, int64_t *first)
{
    if (l->f.inner_folded) {
        *first = t * l->width;
        return ss_min64(l->width, l->f.kept - *first);
    }
    const int64_t blocks = ss_ceil_div(l->f.inner, UNIT), c = t % blocks * UNIT;
    *first = t / blocks * l->f.inner + c;
    return ss_min64(UNIT, l->f.inner - c);
}

/* Part `cut` of task t into a[0..width). */
static void run_task(const ss_reducer *r, const layout *l, int64_t t, int64_t cut, ss_acc *a)
{
    int64_t first;
    const int64_t n = task_results(l, t, &first);
    if (l->f.inner_folded)
        for (int64_t i = 0; i < n; i++) fold_rows(r, l, first + i, cut, &a[i]);
    else
        fold_cols(r, l, first / l->f.inner, first % l->f.inner, n, cut, a);
}

size_t ss_reduce_scratch(const ss_view *x, const ss_attr *dims)
{
    layout l;
    make_layout(&l, x, dims);
    return l.cuts > 1 ? (size_t)(l.tasks * l.cuts * l.width) * sizeof(ss_acc) : 0;
}

void ss_reduce(const ss_reducer *r, const ss_view *x, const ss_attr *dims, void *scratch)
{
    layout l;
    make_layout(&l, x, dims);
    if (l.tasks == 0) return;
    const int64_t work = x->count / (l.tasks * l.cuts) + 1;
    if (l.cuts == 1) {
        SS_PARALLEL_FOR (t, l.tasks, work) {
            ss_acc a[UNIT];
            int64_t first, n = task_results(&l, t, &first);
            run_task(r, &l, t, 0, a);
            r->finish(r->arg, first, a, n);
        }
        return;
    }
    ss_acc *parts = (ss_acc *)scratch;
    SS_PARALLEL_FOR (i, l.tasks * l.cuts, work)
        run_task(r, &l, i / l.cuts, i % l.cuts, parts + i * l.width);
    for (int64_t t = 0; t < l.tasks; t++) {
        ss_acc *a = parts + t * l.cuts * l.width;
        int64_t first, n = task_results(&l, t, &first);
        for (int64_t i = 1; i < l.cuts; i++) r->merge(a, a + i * l.width, n);
        r->finish(r->arg, first, a, n);
    }
}

/* ---- shapes -------------------------------------------------------------- */

ss_attr ss_kept_shape(const ss_view *x, const ss_attr *dims)
{
    ss_attr s = ss_ints(x->ndim, x->shape);
    for (int a = 0; a < x->ndim; a++)
        if (ss_folds(dims, a)) s.v[a] = 1;
    return s;
}

ss_status ss_infer_reduce(ss_call *c, int k, ss_dtype t, const ss_attr *dims, bool keepdim)
{
    const ss_view *x = &c->in[0];
    int64_t shape[SS_MAX_DIM];
    int n = 0;
    for (int i = 0; i < dims->n; i++)
        for (int j = 0; j < i; j++)
            if (dims->v[i] == dims->v[j])
                return ss_fail(c, SS_E_ARG, "dims names axis %d twice", (int)dims->v[i] + 1);
    for (int a = 0; a < x->ndim; a++)
        if (!ss_folds(dims, a))
            shape[n++] = x->shape[a];
        else if (keepdim)
            shape[n++] = 1;
    return ss_out(c, k, t, n, shape);
}

ss_status ss_plan_reduce(ss_call *c)
{
    c->scratch_bytes = ss_reduce_scratch(&c->in[0], &c->attr[0]);
    return SS_OK;
}

ss_status ss_fill_nan(ss_call *c)
{
    float v = NAN;
    const ss_view one = ss_view_of(&v, SS_F32, 0, NULL);
    ss_copy_view(&c->out[0], &one);
    return SS_OK;
}
