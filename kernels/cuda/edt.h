/* edt.h — exact squared Euclidean distances, one launch an axis (see support/edt.c): a warp a row
 * along x, then a thread a line along y and z, neighbouring threads on neighbouring lines. */
#ifndef SEMISAM_CUDA_EDT_H
#define SEMISAM_CUDA_EDT_H
#include "check.h"
#include "mask.h"
#include "support/cuda_masks.h"
#include "support/parabola.h"

/* 1 or 3 numbers of the device (z, y, x); NULL: 1. */
struct ss_spacing {
    const float *v;
    int64_t n;
};
/* Input i of the call; its values are checked when the kernels run. */
static inline ss_spacing ss_spacing_in(ss_call *c, ss_gpu *g, int i)
{
    const ss_view *v = &c->in[i];
    const ss_spacing s = {v->present ? ss_in_ptr<float>(c, i) : nullptr, v->count};
    if (v->present) ss_check_range(c, g, v, "spacing", SS_SPACING_LEAST, SS_SPACING_MOST);
    return s;
}
SS_DEVICE double ss_spacing_at(const ss_spacing &s, int axis)
{
    return s.v ? (double)s.v[s.n == 3 ? axis : 0] : 1.0;
}
/* Along x: the nearest voxel outside before and after, found in the bits of 32 voxels. */
SS_KERNEL(ss_edt_rows)
(const uint8_t *inside, float *v, int64_t rows, int64_t w, ss_spacing spacing)
{
    const int lane = (int)threadIdx.x % SS_WARP;
    const int64_t warps = (int64_t)gridDim.x * blockDim.x / SS_WARP;
    const int64_t segments = (w + SS_WARP - 1) / SS_WARP;
    const double step = ss_spacing_at(spacing, 2);
    for (int64_t r = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / SS_WARP; r < rows;
         r += warps) {
        const uint8_t *in = inside + r * w;
        float *out = v + r * w;
        int64_t last = -1, next = -1;
        for (int64_t s = 0; s < segments; s++) {
            const int64_t at = s * SS_WARP, x = at + lane;
            const unsigned zero = __ballot_sync(SS_ALL, x < w && !in[x]);
            const unsigned before = zero & ss_lanes_up_to(lane);
            const int64_t near = before ? at + SS_WARP - 1 - __clz((int)before) : last;
            if (x < w) out[x] = near < 0 ? INFINITY : (float)(x - near);
            if (zero) last = at + SS_WARP - 1 - __clz((int)zero);
        }
        for (int64_t s = segments - 1; s >= 0; s--) {
            const int64_t at = s * SS_WARP, x = at + lane;
            const unsigned zero = __ballot_sync(SS_ALL, x < w && !in[x]);
            const unsigned after = zero & ~(ss_lanes_up_to(lane) >> 1);
            const int64_t near = after ? at + __ffs((int)after) - 1 : next;
            if (x < w) {
                float d = out[x];
                if (near >= 0 && (float)(near - x) < d) d = (float)(near - x);
                out[x] = ss_steps_squared(d, step);
            }
            if (zero) next = at + __ffs((int)zero) - 1;
        }
    }
}

/* A line: element i lies at i * stride; apex has the same layout. */
struct ss_line {
    const float *in;
    int32_t *apex;
    int64_t n, stride;
    double unit; /* step squared */
};
/* From where on parabola k of the envelope is the lowest. */
SS_DEVICE double ss_line_from(const ss_line &l, int64_t k)
{
    const int64_t p = l.apex[(k - 1) * l.stride], q = l.apex[k * l.stride];
    return ss_parabolas_meet((double)l.in[q * l.stride], q, (double)l.in[p * l.stride], p, l.unit);
}
/* Lists the apexes of the envelope; returns the last one's index, -1 when all is infinite. */
SS_DEVICE int64_t ss_line_envelope(const ss_line &l)
{
    int64_t k = -1;
    double top = -INFINITY; /* from where on parabola k is the lowest */
    for (int64_t q = 0; q < l.n; q++) {
        const double g = (double)l.in[q * l.stride];
        if (isinf(g)) continue;
        double start = -INFINITY;
        while (k >= 0) {
            const int64_t p = l.apex[k * l.stride];
            start = ss_parabolas_meet(g, q, (double)l.in[p * l.stride], p, l.unit);
            if (start > top) break;
            k--;
            top = k > 0 ? ss_line_from(l, k) : -INFINITY;
            start = -INFINITY;
        }
        l.apex[++k * l.stride] = (int32_t)q;
        top = start;
    }
    return k;
}

/* Lines of n values `stride` apart; line l starts at (l / stride) * n * stride + l % stride. */
SS_KERNEL(ss_edt_lines)
(const float *in, float *out, int32_t *apex, int64_t lines, int64_t n, int64_t stride, int axis,
 ss_spacing spacing)
{
    const double step = ss_spacing_at(spacing, axis);
    SS_EACH (e, lines) {
        const int64_t at = e / stride * n * stride + e % stride;
        const ss_line l = {in + at, apex + at, n, stride, step * step};
        float *y = out + at;
        const int64_t last = ss_line_envelope(l);
        int64_t p = last < 0 ? 0 : l.apex[0];
        double g = (double)l.in[p * stride], until = last > 0 ? ss_line_from(l, 1) : INFINITY;
        for (int64_t i = 0, k = 0; i < n; i++) {
            while (until < (double)i) {
                p = l.apex[++k * stride];
                g = (double)l.in[p * stride];
                until = k < last ? ss_line_from(l, k + 1) : INFINITY;
            }
            y[i * stride] = (float)(last < 0 ? g : ss_parabola(g, p, i, step));
        }
    }
}

/* e.squared = the squared distance to the nearest voxel where e.inside is 0. */
static inline void ss_edt(ss_gpu *g, const ss_masks &m, const ss_spacing &spacing,
                          const ss_edt_parts &e)
{
    const int passes = (m.h > 1) + (m.d > 1);
    float *from = passes == 1 ? e.other : e.squared, *to = passes == 1 ? e.squared : e.other;
    SS_LAUNCH(g, ss_edt_rows, ss_grid(g, m.d * m.h * SS_WARP), SS_BLOCK, 0, e.inside, from,
              m.d * m.h, m.w, spacing);
    for (int axis = 1; axis >= 0; axis--) {
        const int64_t n = axis ? m.h : m.d, stride = axis ? m.w : m.h * m.w, lines = m.count / n;
        if (n == 1) continue;
        SS_LAUNCH(g, ss_edt_lines, ss_grid(g, lines, 64), 64, 0, from, to, e.apex, lines, n, stride,
                  axis, spacing);
        float *swap = from;
        from = to;
        to = swap;
    }
}
#endif
