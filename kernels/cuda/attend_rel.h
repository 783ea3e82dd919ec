/* attend_rel.h — position terms of attention, computed before its passes: one product of the
 * queries with the tables, and for padding tokens, which all have the same k and v, the logarithm
 * of the sum over them of exp(terms). That sum factors over the axes (see support/attend_rel.h). */
#ifndef SEMISAM_CUDA_ATTEND_REL_H
#define SEMISAM_CUDA_ATTEND_REL_H
#include "attend.h"

/* ---- terms ------------------------------------------------------------------------------- */

/* Tiles of table rows, counted over the axes. */
static inline int64_t ss_at_table_tiles(const ss_cuda_attend &a)
{
    int64_t n = 0;
    for (int x = 0; x < a.axes; x++) n += (2 * a.window[x] - 1 + SS_AT_TILE - 1) / SS_AT_TILE;
    return n;
}
/* Axis of tile i, and its first row of that axis' table. */
SS_DEVICE int ss_at_table_tile(const ss_cuda_attend &a, int64_t i, int64_t *first)
{
    int x = 0;
    for (;; x++) {
        const int64_t n = (2 * a.window[x] - 1 + SS_AT_TILE - 1) / SS_AT_TILE;
        if (i < n || x + 1 == a.axes) break;
        i -= n;
    }
    *first = i * SS_AT_TILE;
    return x;
}
/* Key index whose term query t takes from row r of axis x's table, -1 if none. */
SS_DEVICE int64_t ss_at_term_of(const ss_cuda_attend &a, int x, int64_t t, int64_t r)
{
    int64_t p[3];
    ss_at_spot(a, t, p);
    const int64_t i = p[x] + a.window[x] - 1 - r;
    return r < 2 * a.window[x] - 1 && i >= 0 && i < a.window[x] ? i : -1;
}

/* Block: a tile of queries of a unit (x), a tile of table rows (y). */
template <int K> SS_KERNEL(ss_at_terms)(ss_at_args c)
{
    SS_SHARED(ss_quad, stage_, [SS_AT_STAGE / 4]);
    float *stage = (float *)stage_;
    const ss_cuda_attend &a = c.a;
    const int64_t tiles = (a.tq + SS_AT_TILE - 1) / SS_AT_TILE;
    const ss_at_unit u = ss_at_unit_of(a, blockIdx.x / tiles);
    const int64_t t0 = blockIdx.x % tiles * SS_AT_TILE;
    int64_t r0;
    const int x = ss_at_table_tile(a, blockIdx.y, &r0);
    ss_at_square s;
    ss_at_product(s, ss_at_head(c.q, c.pad, -1, u.n, u.h, 1), t0, ss_at_matrix(c.table[x]), r0, a.e,
                  stage);
    for (int i = 0; i < SS_AT_PER; i++) {
        const int64_t t = t0 + ss_at_ty() + i;
        for (int j = 0; j < SS_AT_PER && t < a.tq; j++) {
            const int64_t k = ss_at_term_of(a, x, t, r0 + ss_at_tx() + SS_AT_SIDE * j);
            if (k >= 0) a.terms[(u.i * a.tq + t) * a.wide + a.off[x] + k] = s[i][j];
        }
    }
}

/* Terms of the padding query with every row of the tables. */
template <int K> SS_KERNEL(ss_at_pad_terms)(ss_at_args c)
{
    const ss_cuda_attend &a = c.a;
    SS_EACH (i, a.heads * a.cols) {
        int64_t r;
        const int64_t h = ss_split(i, a.cols, &r);
        int x = 0;
        while (x + 1 < a.axes && r >= a.col[x + 1]) x++;
        const ss_view &t = c.table[x];
        float s = 0;
        for (int64_t j = 0; j < a.e; j++)
            s += ss_load(c.pad.data, c.pad.dtype, h * c.pad.stride[1] + j * c.pad.stride[2]) *
                 ss_load(t.data, t.dtype, (r - a.col[x]) * t.stride[0] + j * t.stride[1]);
        a.pad_terms[i] = s;
    }
}

/* ---- padding ------------------------------------------------------------------------------- */

/* exp of one axis' terms less their largest, summed inside and outside the grid. */
struct ss_at_axis {
    float max, real, pad;
};
SS_DEVICE ss_at_axis ss_at_axis_sum(const float *terms, int64_t grid, int64_t window)
{
    ss_at_axis s = {-INFINITY, 0, 0};
    for (int64_t i = 0; i < window; i++) s.max = fmaxf(s.max, terms[i]);
    for (int64_t i = 0; i < window; i++) (i < grid ? s.real : s.pad) += expf(terms[i] - s.max);
    return s;
}
/* Sum over the padding tokens, scaled by the axes' exp(max). */
SS_DEVICE float ss_at_padding_sum(const ss_at_axis *s, int axes)
{
    float real = 1, total = 0;
    for (int x = 0; x < axes; x++) { /* first padded axis: x */
        float part = real * s[x].pad;
        for (int y = x + 1; y < axes; y++) part *= s[y].real + s[y].pad;
        total += part;
        real *= s[x].real;
    }
    return total;
}

/* One line of the official form: term of axis 1 or 2 for the key's last index l and the line's
 * query i, which beyond the grid is the padding query. b: second index of the line. */
SS_DEVICE float ss_at_line_term(const ss_cuda_attend &a, const ss_at_unit &u, int64_t line, int x,
                                int64_t i, int64_t l)
{
    const int64_t g = a.grid[2], place = x == 1 ? line % a.grid[1] : i;
    if (i < g) return a.terms[(u.i * a.tq + line * g + i) * a.wide + a.off[x] + l];
    return a.pad_terms[u.h * a.cols + a.col[x] + place - l + a.window[x] - 1];
}
SS_DEVICE ss_at_axis ss_at_line_sum(const ss_cuda_attend &a, const ss_at_unit &u, int64_t line,
                                    int x, int64_t l)
{
    const int64_t g = a.grid[2], n = a.window[2];
    ss_at_axis s = {-INFINITY, 0, 0};
    for (int64_t i = 0; i < n; i++) s.max = fmaxf(s.max, ss_at_line_term(a, u, line, x, i, l));
    for (int64_t i = 0; i < n; i++)
        (i < g ? s.real : s.pad) += expf(ss_at_line_term(a, u, line, x, i, l) - s.max);
    return s;
}
/* Sum over the padding tokens whose last index is l. */
SS_DEVICE float ss_at_line_total(const ss_cuda_attend &a, const ss_at_axis &h, const ss_at_axis &w,
                                 int64_t l)
{
    const float all = w.real + w.pad;
    return l < a.grid[2] ? h.pad * all + h.real * w.pad : (h.real + h.pad) * all;
}
template <int K> SS_KERNEL(ss_at_line_logs)(ss_at_args c)
{
    const ss_cuda_attend &a = c.a;
    SS_EACH (i, a.units * a.lines * a.window[2]) {
        int64_t l, line;
        const ss_at_unit u =
            ss_at_unit_of(a, ss_split(ss_split(i, a.window[2], &l), a.lines, &line));
        const ss_at_axis h = ss_at_line_sum(a, u, line, 1, l), w = ss_at_line_sum(a, u, line, 2, l);
        a.line_log[i] = logf(ss_at_line_total(a, h, w, l)) + h.max + w.max;
    }
}

/* What every query adds to the logit of the one key that stands for all padding tokens. */
template <int K> SS_KERNEL(ss_at_pad_logs)(ss_at_args c)
{
    const ss_cuda_attend &a = c.a;
    SS_EACH (i, a.units * a.tq) {
        int64_t t;
        const int64_t unit = ss_split(i, a.tq, &t);
        const float *terms = a.terms + i * a.wide;
        float log_sum = a.empty;
        if (a.rel == SS_REL_3D_OFFICIAL) {
            const float *line = a.line_log + (unit * a.lines + t / a.grid[2]) * a.window[2];
            float max = -INFINITY, sum = 0;
            for (int64_t l = 0; l < a.window[2]; l++) max = fmaxf(max, terms[l] + line[l]);
            for (int64_t l = 0; l < a.window[2]; l++) sum += expf(terms[l] + line[l] - max);
            log_sum = logf(sum) + max;
        } else if (a.rel) {
            ss_at_axis s[3];
            float scale = 0;
            for (int x = 0; x < a.axes; x++) {
                s[x] = ss_at_axis_sum(terms + a.off[x], a.grid[x], a.window[x]);
                scale += s[x].max;
            }
            log_sum = logf(ss_at_padding_sum(s, a.axes)) + scale;
        }
        a.pad_log[i] = log_sum;
    }
}

/* ---- launches ------------------------------------------------------------------------------ */

static inline int64_t ss_at_query_tiles(const ss_cuda_attend &a)
{
    return (a.tq + SS_AT_TILE - 1) / SS_AT_TILE;
}
/* Blocks of the terms' kernels. */
static inline dim3 ss_at_term_blocks(const ss_cuda_attend &a)
{
    return dim3((unsigned)(a.units * ss_at_query_tiles(a)), (unsigned)ss_at_table_tiles(a));
}
/* Everything above that the call has use for; without the terms where they are there already. */
static inline void ss_at_prepare(ss_gpu *g, const ss_at_args &c, bool have_terms)
{
    const ss_cuda_attend &a = c.a;
    const bool line = a.pad && a.rel == SS_REL_3D_OFFICIAL;
    if (a.rel && !have_terms)
        SS_LAUNCH(g, ss_at_terms<0>, ss_at_term_blocks(a), SS_AT_THREADS, 0, c);
    if (line) {
        SS_LAUNCH(g, ss_at_pad_terms<0>, ss_grid(g, a.heads * a.cols), SS_BLOCK, 0, c);
        SS_LAUNCH(g, ss_at_line_logs<0>, ss_grid(g, a.units * a.lines * a.window[2]), SS_BLOCK, 0,
                  c);
    }
    if (a.pad) SS_LAUNCH(g, ss_at_pad_logs<0>, ss_grid(g, a.units * a.tq), SS_BLOCK, 0, c);
}
#endif
