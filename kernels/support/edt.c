/* edt.c — exact squared Euclidean distance by one lower-envelope pass per axis.
 *
 * P. Felzenszwalb, D. Huttenlocher: Distance transforms of sampled functions. Theory of Computing
 * 2012. Squared distances are kept in f32, which is exact for unit spacing up to 2^24; the
 * envelope is computed in f64. Lines are handled in tiles of neighbours so that the strided axes
 * read whole cache lines. */
#include "mask.h"
#include "parabola.h"

enum { TILE = 16, SLOTS = 8 }; /* lines at once; working sets, fixed whatever the thread count */

typedef struct {
    double *f;    /* TILE lines of n values, in and out */
    double *g;    /* n: one line's input */
    double *from; /* n + 1: where parabola k starts to be the lowest */
    int64_t *at;  /* n: its apex */
} lines;

static size_t lines_bytes(int64_t n)
{
    return (size_t)(TILE * n + n + n + 1) * sizeof(double) + (size_t)n * sizeof(int64_t);
}

static lines lines_in(void *work, int64_t slot, int64_t n)
{
    lines s;
    s.f = (double *)((char *)work + (size_t)slot * lines_bytes(n));
    s.g = s.f + TILE * n;
    s.from = s.g + n;
    s.at = (int64_t *)(s.from + n + 1);
    return s;
}

size_t ss_edt_work(int64_t d, int64_t h, int64_t w)
{
    return SLOTS * lines_bytes(ss_max64(1, ss_max64(d, ss_max64(h, w))));
}

/* f[i] = min over j of f[j] + (step (i - j))^2. */
static void envelope(double *f, int64_t n, double step, const lines *s)
{
    const double unit = step * step;
    int64_t k = -1;
    memcpy(s->g, f, (size_t)n * sizeof(double));
    for (int64_t q = 0; q < n; q++) {
        if (isinf(s->g[q])) continue;
        double start = -INFINITY;
        while (k >= 0) {
            const int64_t p = s->at[k];
            start = ss_parabolas_meet(s->g[q], q, s->g[p], p, unit);
            if (start > s->from[k]) break;
            k--;
            start = -INFINITY;
        }
        k++;
        s->at[k] = q;
        s->from[k] = start;
    }
    if (k < 0) return; /* all infinite: stays */
    s->from[k + 1] = INFINITY;
    for (int64_t i = 0, j = 0; i < n; i++) {
        while (s->from[j + 1] < (double)i) j++;
        f[i] = ss_parabola(s->g[s->at[j]], s->at[j], i, step);
    }
}

/* Lines of n values `stride` apart; line l starts at (l / inner) * outer + l % inner. */
static void pass(float *v, int64_t n, int64_t stride, int64_t count, int64_t inner, int64_t outer,
                 double step, void *work, int64_t longest)
{
    const int64_t per_row = ss_ceil_div(inner, TILE), tiles = count / inner * per_row;
    SS_PARALLEL_FOR (slot, SLOTS, tiles * n) {
        const lines s = lines_in(work, slot, longest);
        const int64_t end = tiles * (slot + 1) / SLOTS;
        for (int64_t t = tiles * slot / SLOTS; t < end; t++) {
            const int64_t x = t % per_row * TILE, wide = ss_min64(TILE, inner - x);
            float *p = v + t / per_row * outer + x;
            for (int64_t i = 0; i < n; i++)
                for (int64_t l = 0; l < wide; l++) s.f[l * n + i] = (double)p[i * stride + l];
            for (int64_t l = 0; l < wide; l++) envelope(s.f + l * n, n, step, &s);
            for (int64_t i = 0; i < n; i++)
                for (int64_t l = 0; l < wide; l++) p[i * stride + l] = (float)s.f[l * n + i];
        }
    }
}

/* Along x a two-way scan is enough. */
static void first_pass(const uint8_t *inside, float *v, int64_t rows, int64_t w, double step)
{
    SS_PARALLEL_FOR (r, rows, w) {
        const uint8_t *in = inside + r * w;
        float *out = v + r * w;
        int64_t last = -1;
        for (int64_t x = 0; x < w; x++) {
            if (!in[x]) last = x;
            out[x] = last < 0 ? INFINITY : (float)(x - last);
        }
        int64_t next = -1;
        for (int64_t x = w - 1; x >= 0; x--) {
            if (!in[x]) next = x;
            if (next >= 0 && (float)(next - x) < out[x]) out[x] = (float)(next - x);
            out[x] = ss_steps_squared(out[x], step);
        }
    }
}

void ss_edt_squared(const uint8_t *inside, int64_t d, int64_t h, int64_t w, const double spacing[3],
                    float *squared, void *work)
{
    const int64_t longest = ss_max64(1, ss_max64(d, ss_max64(h, w)));
    if (d * h * w == 0) return;
    first_pass(inside, squared, d * h, w, spacing[2]);
    if (h > 1) pass(squared, h, w, d * w, w, h * w, spacing[1], work, longest);
    if (d > 1) pass(squared, d, h * w, h * w, h * w, 0, spacing[0], work, longest);
}

ss_status ss_spacing_shape(ss_call *c, int i)
{
    const ss_view *v = &c->in[i];
    if (v->present && v->count != 1 && !(v->ndim == 1 && v->count == 3))
        return ss_fail(c, SS_E_SHAPE, "spacing holds 1 or 3 (z, y, x) numbers, got %lld",
                       (long long)v->count);
    return SS_OK;
}

ss_status ss_spacing_of(ss_call *c, int i, double spacing[3])
{
    const ss_view *v = &c->in[i];
    for (int a = 0; a < 3; a++) {
        spacing[a] = v->present ? (double)ss_in_f32(c, i)[v->count == 3 ? a : 0] : 1.0;
        if (!(spacing[a] >= SS_SPACING_LEAST && spacing[a] <= SS_SPACING_MOST))
            return ss_fail(c, SS_E_ARG, "spacing %g is outside %g to %g", spacing[a],
                           SS_SPACING_LEAST, SS_SPACING_MOST);
    }
    return SS_OK;
}
