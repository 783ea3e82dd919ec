/* surface_distances.c — how far apart the surfaces of two masks are. */
#include "support/cuda_masks.h"
#include "support/mask.h"

enum { HD95_POOLED, HD95_MAX, ASD_AB, ASD_BA, ASSD, HD, NA, NB, COUNT };

static ss_status infer(ss_call *c)
{
    ss_masks m, other;
    ss_status s = ss_masks_of(c, 0, &m);
    if (!s) s = ss_masks_of(c, 1, &other);
    if (!s) s = ss_spacing_shape(c, 2);
    if (s) return s;
    if (m.n != other.n || m.d != other.d || m.h != other.h || m.w != other.w)
        return ss_fail(c, SS_E_SHAPE, "both masks must have the same shape");
    return ss_out_per_mask(c, &m, SS_F32, 1, (int64_t[]){COUNT});
}

typedef struct {
    void *work;
    float *squared; /* distances to one surface */
    float *list;    /* distances a to b, then b to a */
    uint8_t *inside[2], *surface[2];
} parts;

static ss_status plan(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    c->scratch_bytes = ss_edt_work(m.d, m.h, m.w) + (size_t)m.count * (3 * sizeof(float) + 4);
    return s;
}

static parts parts_of(const ss_call *c, const ss_masks *m)
{
    parts p;
    p.work = c->scratch;
    p.squared = (float *)((char *)c->scratch + ss_edt_work(m->d, m->h, m->w));
    p.list = p.squared + m->count;
    p.inside[0] = (uint8_t *)(p.list + 2 * m->count);
    p.inside[1] = p.inside[0] + m->count;
    p.surface[0] = p.inside[1] + m->count;
    p.surface[1] = p.surface[0] + m->count;
    return p;
}

/* Inside voxels with one of 6 neighbours outside; beyond the volume is outside. Stored inverted (0
 * on the surface), as the distance transform wants it. Returns how many there are. */
static int64_t off_surface(const uint8_t *in, const ss_masks *m, uint8_t *off)
{
    const int64_t d = m->d, h = m->h, w = m->w;
    int64_t n = 0;
    for (int64_t z = 0; z < d; z++)
        for (int64_t y = 0; y < h; y++)
            for (int64_t x = 0; x < w; x++) {
                const int64_t i = (z * h + y) * w + x;
                const bool rim =
                    z == 0 || y == 0 || x == 0 || z == d - 1 || y == h - 1 || x == w - 1;
                const bool on = in[i] && (rim || !in[i - 1] || !in[i + 1] || !in[i - w] ||
                                          !in[i + w] || !in[i - h * w] || !in[i + h * w]);
                off[i] = !on;
                n += on;
            }
    return n;
}

/* Distances from surface `from` to surface `to`, in raster order. */
static void directed(const parts *p, const ss_masks *m, int from, int to, const double spacing[3],
                     float *out)
{
    ss_edt_squared(p->surface[to], m->d, m->h, m->w, spacing, p->squared, p->work);
    for (int64_t i = 0; i < m->count; i++)
        if (!p->surface[from][i]) *out++ = sqrtf(p->squared[i]);
}

static double mean_of(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i];
    return sum / (double)n;
}

/* Both masks are cut to their common box first: all surface voxels lie there, and a face of the box
 * is a face of the volume or has nothing inside behind it. */
static void measure(const ss_masks *whole, parts *p, const double spacing[3], float *y)
{
    ss_box box;
    ss_masks m = *whole;
    int64_t size[3] = {0};
    uint8_t *either = p->surface[0];
    for (int64_t i = 0; i < m.count; i++) either[i] = p->inside[0][i] | p->inside[1][i];
    for (int k = 0; k < COUNT; k++) y[k] = NAN;
    y[NA] = y[NB] = 0;
    if (!ss_mask_box(either, m.d, m.h, m.w, &box)) return;
    for (int k = 0; k < 2; k++) {
        ss_mask_crop(p->inside[k], whole, &box, 0, p->surface[0], size);
        memcpy(p->inside[k], p->surface[0], (size_t)(size[0] * size[1] * size[2]));
    }
    m.d = size[0];
    m.h = size[1];
    m.w = size[2];
    m.count = m.d * m.h * m.w;
    const int64_t na = off_surface(p->inside[0], &m, p->surface[0]);
    const int64_t nb = off_surface(p->inside[1], &m, p->surface[1]);
    y[NA] = (float)na;
    y[NB] = (float)nb;
    if (!na || !nb) return;
    float *ab = p->list, *ba = p->list + na;
    directed(p, &m, 0, 1, spacing, ab);
    directed(p, &m, 1, 0, spacing, ba);
    const double asd_ab = mean_of(ab, na), asd_ba = mean_of(ba, nb);
    y[HD95_POOLED] = ss_percentile(ab, na + nb, 95);
    y[HD95_MAX] = fmaxf(ss_percentile(ab, na, 95), ss_percentile(ba, nb, 95));
    y[ASD_AB] = (float)asd_ab;
    y[ASD_BA] = (float)asd_ba;
    y[ASSD] = (float)((asd_ab + asd_ba) / 2);
    y[HD] = ss_percentile(ab, na + nb, 100);
}

static ss_status plan_cuda(ss_call *c)
{
    const ss_masks m = ss_masks_in(&c->in[0]);
    ss_arena a = {NULL, 0};
    ss_surface_work_of(&a, m.count);
    c->scratch_bytes = a.used;
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    ss_masks m;
    double spacing[3];
    ss_status s = ss_masks_of(c, 0, &m);
    if (!s) s = ss_spacing_of(c, 2, spacing);
    if (s) return s;
    parts p = parts_of(c, &m);
    for (int64_t k = 0; k < m.n && !ss_cancelled(c); k++) {
        ss_mask_load(&c->in[0], &m, k, p.inside[0]);
        ss_mask_load(&c->in[1], &m, k, p.inside[1]);
        measure(&m, &p, spacing, ss_out_f32(c, 0) + COUNT * k);
    }
    return ss_cancelled(c) ? SS_E_CANCEL : SS_OK;
}

const ss_op SS_OP(surface_distances) = {
    .name = "surface_distances",
    .sig = "a: any, b: any, spacing?: f32",
    .doc = "Distances between the surfaces of two masks as [8] (per volume: [n,8]): hd95 of both "
           "directions pooled (medpy), larger of the two directed hd95 (MONAI), mean distance a to "
           "b, b to a, mean of these two (ASSD), Hausdorff distance, surface voxels of a, of b. A "
           "surface voxel is inside with one of its 6 neighbours outside or beyond the volume; "
           "percentiles are linear. `spacing`: one number or (z, y, x), default 1. Distances are "
           "NaN when a mask is empty. Masks as in connected_components.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
