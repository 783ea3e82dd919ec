/* panel.h — one axis of a tensor laid across 64 lanes: element d of lane l at t[d * 64 + l], f32,
 * so that softmax and its like over a short or inner axis vectorise across positions. */
#ifndef SEMISAM_PANEL_H
#define SEMISAM_PANEL_H
#include "block.h"
#include <omp.h>

enum { SS_LANES = 64 };

typedef struct {
    int64_t outer, d, inner; /* sizes before, of and after the axis */
    int64_t per;             /* panels of one outer index (inner > 1) */
    int64_t panels;
} ss_axis;

static inline ss_axis ss_axis_of(const ss_view *x, int dim)
{
    ss_axis a = {.outer = 1, .d = x->ndim ? x->shape[dim] : 1, .inner = 1};
    for (int i = 0; i < dim; i++) a.outer *= x->shape[i];
    for (int i = dim + 1; i < x->ndim; i++) a.inner *= x->shape[i];
    a.per = a.inner == 1 ? 1 : ss_ceil_div(a.inner, SS_LANES);
    a.panels = a.inner == 1 ? ss_ceil_div(a.outer, SS_LANES) : a.outer * a.per;
    return a;
}

/* Memory for `count` panels of every thread; ss_panel_scratch() is this thread's part. */
static inline size_t ss_panel_bytes(const ss_axis *a, int count)
{
    return (size_t)(omp_get_max_threads() * count * a->d) * SS_LANES * 4;
}
static inline float *ss_panel_scratch(void *scratch, const ss_axis *a, int count)
{
    return (float *)scratch + (int64_t)omp_get_thread_num() * count * a->d * SS_LANES;
}

/* Positions (lanes in use) of panel i. */
static inline int64_t ss_panel_lanes(const ss_axis *a, int64_t i)
{
    if (a->inner == 1) return ss_min64(SS_LANES, a->outer - i * SS_LANES);
    return ss_min64(SS_LANES, a->inner - i % a->per * SS_LANES);
}
static inline int64_t ss_panel_at(const ss_axis *a, int64_t i)
{
    if (a->inner == 1) return i * SS_LANES * a->d;
    return i / a->per * a->d * a->inner + i % a->per * SS_LANES;
}

/* A full panel of f32 rows of d elements; called with a constant d, so that it is shuffles. */
static inline void ss_panel_turn_in(float *restrict t, const float *restrict s, int d)
{
    for (int k = 0; k < d; k++)
        for (int l = 0; l < SS_LANES; l++) t[k * SS_LANES + l] = s[l * d + k];
}
static inline void ss_panel_turn_out(float *restrict s, const float *restrict t, int d)
{
    for (int l = 0; l < SS_LANES; l++)
        for (int k = 0; k < d; k++) s[l * d + k] = t[k * SS_LANES + l];
}

/* Lanes not in use become 0. */
static inline void ss_panel_load(float *restrict t, const ss_view *v, const ss_axis *a, int64_t i)
{
    const int64_t m = ss_panel_lanes(a, i), at = ss_panel_at(a, i);
    float buf[SS_LANES];
    if (m < SS_LANES) memset(t, 0, (size_t)a->d * SS_LANES * 4);
    if (a->inner == 1 && m == SS_LANES && a->d <= 4) {
        float rows[4 * SS_LANES];
        const float *s = ss_block_in(v, at, SS_LANES * a->d, rows);
        if (a->d == 1) memcpy(t, s, SS_LANES * 4);
        if (a->d == 2) ss_panel_turn_in(t, s, 2);
        if (a->d == 3) ss_panel_turn_in(t, s, 3);
        if (a->d == 4) ss_panel_turn_in(t, s, 4);
        return;
    }
    if (a->inner == 1) {
        for (int64_t l = 0; l < m; l++)
            for (int64_t d0 = 0; d0 < a->d; d0 += SS_LANES) {
                const int64_t n = ss_min64(SS_LANES, a->d - d0);
                const float *s = ss_block_in(v, at + l * a->d + d0, n, buf);
                for (int64_t d = 0; d < n; d++) t[(d0 + d) * SS_LANES + l] = s[d];
            }
        return;
    }
    for (int64_t d = 0; d < a->d; d++) {
        const float *s = ss_block_in(v, at + d * a->inner, m, buf);
        memcpy(t + d * SS_LANES, s, (size_t)m * 4);
    }
}

static inline void ss_panel_store(const ss_view *v, const ss_axis *a, int64_t i,
                                  const float *restrict t)
{
    const int64_t m = ss_panel_lanes(a, i), at = ss_panel_at(a, i);
    float buf[SS_LANES];
    if (a->inner == 1 && m == SS_LANES && a->d <= 4) {
        float rows[4 * SS_LANES], *o = ss_block_out(v, at, rows);
        if (a->d == 1) memcpy(o, t, SS_LANES * 4);
        if (a->d == 2) ss_panel_turn_out(o, t, 2);
        if (a->d == 3) ss_panel_turn_out(o, t, 3);
        if (a->d == 4) ss_panel_turn_out(o, t, 4);
        ss_block_done(v, at, SS_LANES * a->d, o);
        return;
    }
    if (a->inner == 1) {
        for (int64_t l = 0; l < m; l++)
            for (int64_t d0 = 0; d0 < a->d; d0 += SS_LANES) {
                const int64_t n = ss_min64(SS_LANES, a->d - d0), to = at + l * a->d + d0;
                float *o = ss_block_out(v, to, buf);
                for (int64_t d = 0; d < n; d++) o[d] = t[(d0 + d) * SS_LANES + l];
                ss_block_done(v, to, n, o);
            }
        return;
    }
    for (int64_t d = 0; d < a->d; d++) {
        float *o = ss_block_out(v, at + d * a->inner, buf);
        memcpy(o, t + d * SS_LANES, (size_t)m * 4);
        ss_block_done(v, at + d * a->inner, m, o);
    }
}

/* Largest element of every lane; NaN is passed over (the sums keep it). */
static inline void ss_panel_max(const float *restrict t, int64_t d, float *restrict max)
{
    for (int l = 0; l < SS_LANES; l++) max[l] = t[l];
    for (int64_t k = 1; k < d; k++)
        for (int l = 0; l < SS_LANES; l++) {
            float v = t[k * SS_LANES + l];
            max[l] = v > max[l] ? v : max[l];
        }
}

/* Classes of positions [at, at + n) of integer labels: those to be ignored become -1, and so do
 * labels outside [0, classes); returns the position of the first of these, else -1. */
static inline int64_t ss_panel_targets(const ss_view *v, int64_t at, int64_t n, int64_t ignore,
                                       int64_t classes, int32_t *out)
{
    int64_t bad = -1;
    if (v->dtype == SS_U8 || v->dtype == SS_BOOL) {
        const uint8_t *from = (const uint8_t *)v->data + at;
        int32_t wrong = 0;
        for (int64_t l = 0; l < n; l++) {
            const bool keep = from[l] != ignore, in = from[l] < classes;
            out[l] = keep && in ? from[l] : -1;
            wrong |= keep && !in;
        }
        if (!wrong) return -1;
    }
    for (int64_t l = 0; l < n; l++) {
        const int64_t k = ss_int_at(v, at + l);
        const bool in = k >= 0 && k < classes;
        out[l] = k != ignore && in ? (int32_t)k : -1;
        if (k != ignore && !in && bad < 0) bad = at + l;
    }
    return bad;
}
#endif
