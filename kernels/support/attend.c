/* attend.c — the shape rules of attention. */
#include "attend.h"

static ss_status grid_fits(ss_call *c)
{
    const ss_attr *grid = &c->attr[SS_AT_GRID], *window = &c->attr[SS_AT_WINDOW];
    const int rel = (int)c->attr[SS_AT_REL].v[0], axes = rel == SS_REL_2D ? 2 : 3;
    const bool pad = c->in[SS_AT_PAD].present;
    int64_t all = 1, real = 1;
    if (grid->n <= 0)
        return rel || pad ? ss_fail(c, SS_E_ARG, "grid is needed with rel or pad") : SS_OK;
    if (rel ? grid->n != axes : grid->n > 3)
        return ss_fail(c, SS_E_ARG, "grid must have %d axes, got %d", axes, grid->n);
    if (window->n > 0 && window->n != grid->n)
        return ss_fail(c, SS_E_ARG, "window must have %d axes like grid, got %d", grid->n,
                       window->n);
    for (int i = 0; i < grid->n; i++) {
        const int64_t g = grid->v[i], w = window->n > 0 ? window->v[i] : g;
        if (g < 1 || w < g || w > INT32_MAX)
            return ss_fail(c, SS_E_ARG, "axis %d: window %lld must hold grid %lld", i + 1,
                           (long long)w, (long long)g);
        real *= g;
        all *= w;
        if (rel == SS_REL_3D_OFFICIAL &&
            (g != grid->v[0] || w != (window->n > 0 ? window->v[0] : grid->v[0])))
            return ss_fail(c, SS_E_ARG, "rel = 3d_official needs a cubic grid and window");
    }
    if (real != c->in[SS_AT_K].shape[1] || (rel && real != c->in[SS_AT_Q].shape[1]))
        return ss_fail(c, SS_E_SHAPE, "grid holds %lld tokens, q has %lld and k %lld",
                       (long long)real, (long long)c->in[SS_AT_Q].shape[1],
                       (long long)c->in[SS_AT_K].shape[1]);
    if (pad != (all > real))
        return ss_fail(c, SS_E_ARG,
                       pad ? "pad was given, but window leaves no padding tokens"
                           : "window has padding tokens, so pad must be given");
    return SS_OK;
}

static ss_status tables_fit(ss_call *c)
{
    static const char *const names[] = {"rel_h", "rel_w", "rel_d"};
    const int rel = (int)c->attr[SS_AT_REL].v[0];
    const ss_attr *size = &c->attr[c->attr[SS_AT_WINDOW].n > 0 ? SS_AT_WINDOW : SS_AT_GRID];
    const int64_t e = c->in[SS_AT_Q].shape[3];
    for (int i = 0; i < 3; i++) {
        const ss_view *t = &c->in[SS_AT_REL_H + i];
        const bool wanted = rel && (i < 2 || rel != SS_REL_2D);
        if (t->present != wanted)
            return ss_fail(c, SS_E_ARG, "%s is %s", names[i],
                           wanted ? "missing" : "given, but rel does not use it");
        if (!wanted) continue;
        const int64_t w = size->v[rel == SS_REL_2D ? i : i == 2 ? 0 : i + 1];
        if (t->ndim != 2 || t->shape[0] != 2 * w - 1 || t->shape[1] != e)
            return ss_fail(c, SS_E_SHAPE, "%s must be [%lld, %lld]", names[i],
                           (long long)(2 * w - 1), (long long)e);
    }
    return SS_OK;
}

static ss_status bias_fits(ss_call *c)
{
    const ss_view *b = &c->in[SS_AT_BIAS], *q = &c->in[SS_AT_Q], *k = &c->in[SS_AT_K];
    const int64_t want[] = {q->shape[0], q->shape[2], q->shape[1], k->shape[1]};
    if (!b->present) return SS_OK;
    bool fits = b->ndim == 4;
    for (int i = 0; fits && i < 4; i++)
        fits = b->shape[i] == want[i] || (i < 2 && b->shape[i] == 1);
    return fits ? SS_OK
                : ss_fail(c, SS_E_SHAPE, "bias must be [%lld or 1, %lld or 1, %lld, %lld]",
                          (long long)want[0], (long long)want[1], (long long)want[2],
                          (long long)want[3]);
}

ss_status ss_attend_infer(ss_call *c)
{
    const ss_view *q = &c->in[SS_AT_Q], *k = &c->in[SS_AT_K], *v = &c->in[SS_AT_V];
    const ss_view *p = &c->in[SS_AT_PAD];
    if (q->ndim != 4 || k->ndim != 4 || v->ndim != 4)
        return ss_fail(c, SS_E_SHAPE, "q, k and v must be [n, tokens, heads, e]");
    for (int i = 0; i < 4; i++)
        if (k->shape[i] != v->shape[i] || (i != 1 && k->shape[i] != q->shape[i]))
            return ss_fail(c, SS_E_SHAPE, "q, k and v differ at axis %d", i + 1);
    if (p->present && (p->ndim != 3 || p->shape[0] != 3 || p->shape[1] != q->shape[2] ||
                       p->shape[2] != q->shape[3]))
        return ss_fail(c, SS_E_SHAPE, "pad must be [3, %lld, %lld]: q, k, v by head",
                       (long long)q->shape[2], (long long)q->shape[3]);
    ss_status s = grid_fits(c);
    if (s == SS_OK) s = tables_fit(c);
    return s == SS_OK ? bias_fits(c) : s;
}
