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

/* Lanes not in use become 0. */
static inline void ss_panel_load(float *restrict t, const ss_view *v, const ss_axis *a, int64_t i)
{
    const int64_t m = ss_panel_lanes(a, i), at = ss_panel_at(a, i);
    float buf[SS_LANES];
    if (m < SS_LANES) memset(t, 0, (size_t)a->d * SS_LANES * 4);
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
#endif
