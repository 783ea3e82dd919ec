/* sample.h — reading a volume between its voxels. */
#ifndef SEMISAM_SAMPLE_H
#define SEMISAM_SAMPLE_H
#include "image.h"

enum { SS_LINEAR, SS_NEAREST };
enum { SS_CONSTANT, SS_CLAMPED };
#define SS_SAMPLE_ATTRS                                                                            \
    "mode: enum(linear|nearest) = linear, outside: number = 0, "                                   \
    "border: enum(constant|edge) = constant"

/* Position that output voxel (z, y, x) of affine_sample reads; a is [3,4]. */
SS_BOTH void ss_affine_at(const float *a, int64_t z, int64_t y, int64_t x, double p[3])
{
    for (int i = 0; i < 3; i++)
        p[i] = ss_prod((double)a[4 * i], (double)z) + ss_prod((double)a[4 * i + 1], (double)y) +
               ss_prod((double)a[4 * i + 2], (double)x) + (double)a[4 * i + 3];
}

/* The voxels that one position reads: `at` is an element offset into the volume, -1 outside. */
typedef struct ss_taps {
    int n;
    int64_t at[8];
    float weight[8];
} ss_taps;

/* One axis: at most two indices (-1 outside) and weights. Positions beyond 1e9 or NaN are outside
 * (NaN has weight 1 there too). */
SS_BOTH int ss_axis_taps(double p, int64_t size, int mode, int border, int64_t i[2], float w[2])
{
    if (border == SS_CLAMPED && p == p && size > 0) p = fmin(fmax(p, 0.0), (double)(size - 1));
    if (!(fabs(p) < 1e9) || size == 0) {
        i[0] = -1;
        w[0] = 1;
        return 1;
    }
    const double base = floor(mode == SS_NEAREST ? p + 0.5 : p), part = p - base;
    i[0] = (int64_t)base;
    if (i[0] < 0 || i[0] >= size) i[0] = -1;
    w[0] = 1;
    if (mode == SS_NEAREST || part == 0) return 1;
    i[1] = (int64_t)base + 1;
    if (i[1] < 0 || i[1] >= size) i[1] = -1;
    w[0] = (float)(1 - part);
    w[1] = (float)part;
    return 2;
}

static inline void ss_taps_at(const double p[3], const ss_images *m, int mode, int border,
                              ss_taps *t)
{
    int64_t i[3][2];
    float w[3][2];
    int n[3];
    for (int a = 0; a < 3; a++) n[a] = ss_axis_taps(p[a], m->size[a], mode, border, i[a], w[a]);
    t->n = 0;
    for (int z = 0; z < n[0]; z++)
        for (int y = 0; y < n[1]; y++)
            for (int x = 0; x < n[2]; x++) {
                const bool out = i[0][z] < 0 || i[1][y] < 0 || i[2][x] < 0;
                t->at[t->n] =
                    out ? -1 : ((i[0][z] * m->size[1] + i[1][y]) * m->size[2] + i[2][x]) * m->c;
                t->weight[t->n++] = w[0][z] * w[1][y] * w[2][x];
            }
}

/* The plain case: between voxels on every axis (so that no neighbour has weight 0, where a NaN
 * would spread), all eight neighbours inside, one channel. */
SS_BOTH bool ss_is_plain(const double p[3], const ss_images *m)
{
    if (m->c != 1) return false;
    for (int a = 0; a < 3; a++)
        if (!(p[a] > 0 && p[a] < (double)(m->size[a] - 1) && p[a] != (double)(int64_t)p[a]))
            return false;
    return true;
}

SS_BOTH float ss_sample_plain(const float *x, const double p[3], const ss_images *m)
{
    const int64_t i[3] = {(int64_t)p[0], (int64_t)p[1], (int64_t)p[2]};
    const float fz = (float)(p[0] - (double)i[0]), fy = (float)(p[1] - (double)i[1]);
    const float fx = (float)(p[2] - (double)i[2]);
    const float *v = x + (i[0] * m->size[1] + i[1]) * m->size[2] + i[2];
    const float *u = v + m->size[1] * m->size[2];
    const int64_t w = m->size[2];
    const float a = v[0] + ss_prodf(fx, v[1] - v[0]), b = v[w] + ss_prodf(fx, v[w + 1] - v[w]);
    const float c = u[0] + ss_prodf(fx, u[1] - u[0]), d = u[w] + ss_prodf(fx, u[w + 1] - u[w]);
    const float e = a + ss_prodf(fy, b - a), f = c + ss_prodf(fy, d - c);
    return e + ss_prodf(fz, f - e);
}

/* y[0..c) = the weighted sum of the taps. */
static inline void ss_sample_f32(const float *x, const ss_taps *t, int64_t c, float outside,
                                 float *y)
{
    for (int64_t k = 0; k < c; k++) y[k] = 0;
    for (int i = 0; i < t->n; i++) {
        const float w = t->weight[i];
        if (t->at[i] < 0) {
            for (int64_t k = 0; k < c; k++) y[k] += w * outside;
        } else {
            const float *v = x + t->at[i];
            for (int64_t k = 0; k < c; k++) y[k] += w * v[k];
        }
    }
}

/* One element of any type, holding `value`. */
static inline void ss_element(ss_dtype t, double value, char out[8])
{
    if (t == SS_I64) {
        const int64_t v = (int64_t)value;
        memcpy(out, &v, 8);
    } else {
        const float f = (float)value;
        ss_store_f32(out, t, &f, 1);
    }
}

/* Shared checks: linear needs numbers that can be averaged. */
static inline ss_status ss_check_mode(ss_call *c, const ss_attr *mode)
{
    if (mode->v[0] == SS_LINEAR && c->in[0].dtype != SS_F32)
        return ss_fail(c, SS_E_DTYPE, "mode linear needs f32, got %s; use nearest or convert",
                       ss_dtype_name(c->in[0].dtype));
    return SS_OK;
}
#endif
