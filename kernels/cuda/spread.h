/* spread.h — the adjoint of sampling without atomics: positions are sorted by the cell they read
 * from, their order kept; then every voxel gathers from its eight cells, always the earliest
 * position next. So each sum has the order, and the bits, of the CPU. */
#ifndef SEMISAM_CUDA_SPREAD_H
#define SEMISAM_CUDA_SPREAD_H
#include "sample.h"
#include "sort.h"
#include "support/cuda_spread.h"

#ifdef __CUDACC__
#define SS_UNROLL _Pragma("unroll")
#else
#define SS_UNROLL
#endif

struct ss_spreading {
    const float *dy;
    float *dx;
    int mode, border;
    int64_t n;     /* the volume */
    int64_t cells; /* also the key of positions that read nothing inside */
    ss_images m;   /* of dx */
};

/* The cell of axis a, counted from 0; -1 for none. */
SS_DEVICE int64_t ss_cell_of_axis(const ss_axes &t, int a)
{
    return t.i[a][0] >= 0 ? t.i[a][0] + 1 : t.n[a] == 2 && t.i[a][1] >= 0 ? t.i[a][1] : -1;
}

template <class P>
SS_KERNEL(ss_spread_keys)
(P place, int64_t points, ss_spreading s, uint32_t *key, uint32_t *value)
{
    SS_EACH (i, points) {
        ss_axes t;
        double p[3];
        place.at(s.n, i, p);
        ss_axes_at(&t, p, s.m, s.mode, s.border);
        const int64_t z = ss_cell_of_axis(t, 0), y = ss_cell_of_axis(t, 1),
                      x = ss_cell_of_axis(t, 2);
        const bool none = z < 0 || y < 0 || x < 0;
        key[i] = (uint32_t)(none ? s.cells : (z * (s.m.size[1] + 1) + y) * (s.m.size[2] + 1) + x);
        value[i] = (uint32_t)i;
    }
}

SS_KERNEL(ss_spread_ends)
(const uint32_t *key, int64_t points, int64_t cells, uint32_t *first, uint32_t *last)
{
    SS_EACH (i, points) {
        const uint32_t k = key[i];
        if (k >= cells) continue;
        if (i == 0 || key[i - 1] != k) first[k] = (uint32_t)i;
        if (i == points - 1 || key[i + 1] != k) last[k] = (uint32_t)i + 1;
    }
}

/* The weight of the position whose taps are t in corner j of its cell; false when that corner is
 * no tap of it. */
SS_DEVICE bool ss_corner_weight(const ss_axes &t, int j, float *w)
{
    const int a = j >> 2, b = j >> 1 & 1, d = j & 1;
    *w = (a ? t.w[0][1] : t.w[0][0]) * (b ? t.w[1][1] : t.w[1][0]) * (d ? t.w[2][1] : t.w[2][0]);
    return a < t.n[0] && b < t.n[1] && d < t.n[2];
}

/* The positions of the eight cells around a voxel, merged by rising number. */
struct ss_merge {
    uint32_t head[8], last[8], now[8]; /* now: the position at head; none: ~0 */
};
SS_DEVICE void ss_merge_begin(ss_merge *q, const ss_images &m, int64_t voxel, const uint32_t *value,
                              const uint32_t *first, const uint32_t *last)
{
    const int64_t row = voxel / m.size[2], x = voxel - row * m.size[2];
    const int64_t z = row / m.size[1], y = row - z * m.size[1];
    SS_UNROLL
    for (int j = 0; j < 8; j++) {
        const int64_t cz = z + 1 - (j >> 2), cy = y + 1 - (j >> 1 & 1), cx = x + 1 - (j & 1);
        const int64_t cell = (cz * (m.size[1] + 1) + cy) * (m.size[2] + 1) + cx;
        q->head[j] = first[cell];
        q->last[j] = last[cell];
        q->now[j] = q->head[j] < q->last[j] ? value[q->head[j]] : ~0u;
    }
}
/* The next position, ~0 at the end; *corner: of its cell, where the voxel is. */
SS_DEVICE uint32_t ss_merge_next(ss_merge *q, const uint32_t *value, int *corner)
{
    uint32_t least = ~0u;
    int at = 0;
    SS_UNROLL
    for (int j = 0; j < 8; j++)
        if (q->now[j] < least) least = q->now[j], at = j;
    SS_UNROLL
    for (int j = 0; j < 8; j++)
        if (j == at && least != ~0u)
            q->now[j] = ++q->head[j] < q->last[j] ? value[q->head[j]] : ~0u;
    *corner = at;
    return least;
}

template <class P>
SS_KERNEL(ss_spread_gather)
(P place, ss_spreading s, const uint32_t *value, const uint32_t *first, const uint32_t *last)
{
    SS_EACH (e, s.m.count) {
        const int64_t voxel = e / s.m.c, k = e - voxel * s.m.c;
        ss_merge q;
        int corner;
        float sum = 0, w;
        ss_merge_begin(&q, s.m, voxel, value, first, last);
        for (uint32_t i; (i = ss_merge_next(&q, value, &corner)) != ~0u;) {
            ss_axes t;
            double p[3];
            place.at(s.n, i, p);
            ss_axes_at(&t, p, s.m, s.mode, s.border);
            if (ss_corner_weight(t, corner, &w)) sum = sum + ss_prodf(w, s.dy[i * s.m.c + k]);
        }
        s.dx[e] = sum;
    }
}

/* out[0] = the gradient in the volume; attributes: size, mode, border. */
template <class P> static inline ss_status ss_spread(ss_call *c, ss_gpu *g, P place)
{
    ss_spreading s = {};
    const ss_status st = ss_images_of(c, 0, &s.m);
    const int64_t points = place.points(), volumes = s.m.n, channels = s.m.c;
    ss_arena a = {(char *)c->scratch, 0};
    if (st || c->out[0].count == 0) return st;
    s.mode = (int)c->attr[1].v[0];
    s.border = (int)c->attr[2].v[0];
    s.cells = ss_spread_cells(c->attr[0].v);
    for (int i = 0; i < 3; i++) s.m.size[i] = c->attr[0].v[i];
    s.m.voxels = s.m.size[0] * s.m.size[1] * s.m.size[2];
    s.m.count = s.m.voxels * channels;
    const ss_spread_work w = ss_spread_work_of(&a, points, s.m.size);
    for (s.n = 0; s.n < volumes; s.n++) {
        s.dy = ss_in_ptr<float>(c, 0) + s.n * points * channels;
        s.dx = ss_out_ptr<float>(c, 0) + s.n * s.m.count;
        ss_clear(g, w.first, (size_t)s.cells * sizeof(uint32_t));
        ss_clear(g, w.last, (size_t)s.cells * sizeof(uint32_t));
        int at = 0;
        if (points) {
            SS_LAUNCH(g, ss_spread_keys<P>, ss_grid(g, points), SS_BLOCK, 0, place, points, s,
                      w.sort.key[0], w.sort.value[0]);
            at = ss_sort(g, &w.sort, points, ss_bits_for((uint64_t)s.cells), nullptr);
            SS_LAUNCH(g, ss_spread_ends, ss_grid(g, points), SS_BLOCK, 0, w.sort.key[at], points,
                      s.cells, w.first, w.last);
        }
        SS_LAUNCH(g, ss_spread_gather<P>, ss_grid(g, s.m.count), SS_BLOCK, 0, place, s,
                  w.sort.value[at], w.first, w.last);
    }
    return ss_launched(c, g);
}
#endif
