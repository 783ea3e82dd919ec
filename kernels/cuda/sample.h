/* sample.h — reading a volume between its voxels: a thread an output element. */
#ifndef SEMISAM_CUDA_SAMPLE_H
#define SEMISAM_CUDA_SAMPLE_H
#include "number.h"
#include "support/sample.h"

/* Where outputs read: at(n, i, p) is the position of output voxel i of volume n. */
struct ss_affine {
    const float *matrix;
    int64_t each;    /* numbers from one volume's matrix to the next */
    int64_t size[3]; /* of the outputs */
    __device__ __forceinline__ void at(int64_t n, int64_t i, double p[3]) const
    {
        const int64_t row = i / size[2];
        ss_affine_at(matrix + n * each, row / size[1], row % size[1], i - row * size[2], p);
    }
    int64_t points() const
    {
        return size[0] * size[1] * size[2];
    }
};
struct ss_grid_at {
    const float *grid;
    int64_t each; /* positions of one volume */
    __device__ __forceinline__ void at(int64_t n, int64_t i, double p[3]) const
    {
        const float *v = grid + 3 * (n * each + i);
        for (int a = 0; a < 3; a++) p[a] = (double)v[a];
    }
    int64_t points() const
    {
        return each;
    }
};

/* matrix: input k of the call; y: the sampled image, with an n axis when `batch`. */
static inline ss_affine ss_affine_of(const ss_call *c, int k, const ss_view *y, bool batch)
{
    ss_affine f = {ss_in_ptr<float>(c, k), c->in[k].ndim == 3 ? 12 : 0, {0, 0, 0}};
    for (int a = 0; a < 3; a++) f.size[a] = y->shape[a + batch];
    return f;
}
/* grid: input k of the call. */
static inline ss_grid_at ss_grid_of(const ss_call *c, int k)
{
    const int64_t *s = c->in[k].shape;
    const ss_grid_at f = {ss_in_ptr<float>(c, k), s[1] * s[2] * s[3]};
    return f;
}

/* The indices and weights of the three axes. */
struct ss_axes {
    int n[3];
    int64_t i[3][2];
    float w[3][2];
};
SS_DEVICE void ss_axes_at(ss_axes *t, const double p[3], const ss_images &m, int mode, int border)
{
    for (int a = 0; a < 3; a++) {
        t->i[a][1] = -1;
        t->w[a][1] = 0;
        t->n[a] = ss_axis_taps(p[a], m.size[a], mode, border, t->i[a], t->w[a]);
    }
}
/* Offset of a voxel, -1 outside. */
SS_DEVICE int64_t ss_axes_voxel(const ss_axes &t, const ss_images &m, int z, int y, int x)
{
    if (t.i[0][z] < 0 || t.i[1][y] < 0 || t.i[2][x] < 0) return -1;
    return ((t.i[0][z] * m.size[1] + t.i[1][y]) * m.size[2] + t.i[2][x]) * m.c;
}

/* Channel k at p, linear: the taps in the order of the CPU. */
SS_DEVICE float ss_sample_channel(const float *x, const double p[3], const ss_images &m, int border,
                                  float outside, int64_t k)
{
    ss_axes t;
    float sum = 0;
    ss_axes_at(&t, p, m, SS_LINEAR, border);
    for (int j = 0; j < 8; j++) {
        const int a = j >> 2, b = j >> 1 & 1, d = j & 1;
        if (a >= t.n[0] || b >= t.n[1] || d >= t.n[2]) continue;
        const int64_t at = ss_axes_voxel(t, m, a, b, d);
        const float w = t.w[0][a] * t.w[1][b] * t.w[2][d];
        sum = sum + ss_prodf(w, at < 0 ? outside : x[at + k]);
    }
    return sum;
}

struct ss_sampling {
    const void *x;
    void *y;
    ss_dtype type;
    int mode, border;
    double outside;
    ss_images m; /* of x */
};

/* One element of any type. */
SS_DEVICE void ss_copy_element(void *y, int64_t to, const void *x, int64_t from, ss_dtype t)
{
    if (t == SS_BOOL || t == SS_U8)
        ((uint8_t *)y)[to] = ((const uint8_t *)x)[from];
    else if (t == SS_F16 || t == SS_BF16)
        ((uint16_t *)y)[to] = ((const uint16_t *)x)[from];
    else if (t == SS_I64)
        ((int64_t *)y)[to] = ((const int64_t *)x)[from];
    else
        ((uint32_t *)y)[to] = ((const uint32_t *)x)[from];
}

template <class P> SS_KERNEL(ss_sample_kernel)(P place, int64_t points, ss_sampling s)
{
    SS_EACH (e, s.m.n * points * s.m.c) {
        const int64_t i = e / s.m.c, k = e - i * s.m.c, n = i / points;
        double p[3];
        place.at(n, i - n * points, p);
        if (s.mode == SS_LINEAR) {
            const float *x = (const float *)s.x + n * s.m.count;
            ((float *)s.y)[e] = ss_is_plain(p, &s.m)
                                    ? ss_sample_plain(x, p, &s.m)
                                    : ss_sample_channel(x, p, s.m, s.border, (float)s.outside, k);
            continue;
        }
        ss_axes t;
        ss_axes_at(&t, p, s.m, s.mode, s.border);
        const int64_t at = ss_axes_voxel(t, s.m, 0, 0, 0);
        if (at >= 0)
            ss_copy_element(s.y, e, s.x, n * s.m.count + at + k, s.type);
        else if (s.type == SS_I64)
            ((int64_t *)s.y)[e] = (int64_t)s.outside;
        else
            ss_write(s.y, s.type, e, (float)s.outside);
    }
}

/* mode, outside, border: the call's arguments from `first` on. */
template <class P> static inline ss_status ss_sample(ss_call *c, ss_gpu *g, P place, int first)
{
    ss_sampling s = {c->in[0].data,
                     c->out[0].data,
                     c->in[0].dtype,
                     (int)c->attr[first].v[0],
                     (int)c->attr[first + 2].v[0],
                     c->attr[first + 1].num,
                     {}};
    const ss_status st = ss_images_of(c, 0, &s.m);
    const int64_t count = c->out[0].count;
    if (st) return st;
    if (count)
        SS_LAUNCH(g, ss_sample_kernel<P>, ss_grid(g, count), SS_BLOCK, 0, place, place.points(), s);
    return ss_launched(c, g);
}
#endif
