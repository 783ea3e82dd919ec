/* fold.c — see fold.h. */
#include "fold.h"

enum {
    FILL = 512,       /* blocks of 256 threads that fill a device */
    SHORTEST = 2048,  /* elements of a piece, at least */
    COLUMN_ROWS = 64, /* rows of a piece when columns are folded, at least */
};

bool ss_folds(const ss_attr *dims, int axis)
{
    if (dims->n < 0) return true;
    for (int i = 0; i < dims->n; i++)
        if (dims->v[i] == axis) return true;
    return false;
}

bool ss_repeated_axes(const ss_view *x, const ss_attr *shape, ss_attr *dims)
{
    const int lead = x->ndim - shape->n;
    *dims = (ss_attr){0};
    if (lead < 0) return false;
    for (int a = 0; a < x->ndim; a++) {
        const int64_t want = a < lead ? 1 : shape->v[a - lead];
        if (want != x->shape[a] && want != 1) return false;
        if (a < lead || want != x->shape[a]) dims->v[dims->n++] = a;
    }
    return true;
}

ss_attr ss_leading_axes(const ss_view *x)
{
    ss_attr dims = {.n = x->ndim ? x->ndim - 1 : 0};
    for (int a = 0; a < dims.n; a++) dims.v[a] = a;
    return dims;
}

int64_t ss_fold_count(const ss_view *x, const ss_attr *dims)
{
    int64_t n = 1;
    for (int a = 0; a < x->ndim; a++)
        if (ss_folds(dims, a)) n *= x->shape[a];
    return n;
}

ss_fold ss_fold_of(const ss_view *x, const ss_attr *dims)
{
    int64_t shape[SS_MAX_DIM];
    bool fold[SS_MAX_DIM];
    int n = 0;
    for (int a = 0; a < x->ndim; a++) {
        if (x->shape[a] == 1) continue;
        const bool f = ss_folds(dims, a);
        if (n && fold[n - 1] == f) {
            shape[n - 1] *= x->shape[a];
        } else {
            shape[n] = x->shape[a];
            fold[n++] = f;
        }
    }
    if (n == 0) {
        shape[n] = 1;
        fold[n++] = true;
    }
    ss_fold g = {.kept = 1, .folded = 1, .inner = shape[n - 1], .inner_folded = fold[n - 1]};
    int64_t stride = g.inner;
    for (int a = n - 2; a >= 0; a--) { /* innermost group first */
        if (fold[a]) {
            g.rshape[g.nr] = shape[a], g.rstride[g.nr++] = stride;
            g.folded *= shape[a];
        } else {
            g.kshape[g.nk] = shape[a], g.kstride[g.nk++] = stride;
            g.kept *= shape[a];
        }
        stride *= shape[a];
    }
    return g;
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t ss_fold_cuts(const ss_fold *f)
{
    const int64_t results = f->inner_folded ? f->kept : f->kept * f->inner;
    const int64_t blocks = f->inner_folded ? results : (results + 31) / 32;
    const int64_t many =
        f->inner_folded ? f->folded * f->inner / SHORTEST : f->folded / COLUMN_ROWS;
    if (blocks == 0 || blocks >= FILL || many < 2) return 1;
    return min64((FILL + blocks - 1) / blocks, many);
}

size_t ss_fold_scratch(const ss_view *x, const ss_attr *dims)
{
    const ss_fold f = ss_fold_of(x, dims);
    const int64_t results = f.inner_folded ? f.kept : f.kept * f.inner, cuts = ss_fold_cuts(&f);
    return cuts > 1 ? (size_t)(results * cuts) * SS_FOLD_PART : 0;
}

ss_status ss_plan_fold(ss_call *c)
{
    c->scratch_bytes = ss_fold_scratch(&c->in[0], &c->attr[0]);
    return SS_OK;
}

ss_status ss_plan_fold_axis(ss_call *c)
{
    const ss_attr dims = {.n = 1, .v = {c->attr[0].v[0]}};
    c->scratch_bytes = ss_fold_scratch(&c->in[0], &dims);
    return SS_OK;
}
