/* mask.h — binary volumes: how mask arguments are shaped, components, distances.
 *
 * A mask argument is [d,h,w], [n,d,h,w] or [n,d,h,w,1] of any element type. A voxel is inside when
 * its value is greater than 0; NaN is outside. Outside the volume everything is background. */
#ifndef SEMISAM_MASK_H
#define SEMISAM_MASK_H
#include "../cpu.h"

typedef struct ss_masks {
    int64_t n, d, h, w;
    int64_t count; /* voxels of one volume */
    bool batch;    /* the argument has an n axis */
} ss_masks;

/* The shape of a mask that is known to be one. */
static inline ss_masks ss_masks_in(const ss_view *v)
{
    ss_masks m;
    m.batch = v->ndim > 3;
    m.n = m.batch ? v->shape[0] : 1;
    m.d = v->shape[m.batch];
    m.h = v->shape[m.batch + 1];
    m.w = v->shape[m.batch + 2];
    m.count = m.d * m.h * m.w;
    return m;
}
/* Reads the shape of input i; a volume is limited to 2^31 - 2 voxels. */
ss_status ss_masks_of(ss_call *c, int i, ss_masks *m);
/* Output 0 holds `size[0..ndim)` for each volume: an n axis in front when the argument has one. */
ss_status ss_out_per_mask(ss_call *c, const ss_masks *m, ss_dtype t, int ndim, const int64_t *size);
/* Volume k of a mask tensor as 0 and 1. */
void ss_mask_load(const ss_view *v, const ss_masks *m, int64_t k, uint8_t *inside);

/* Corners of the inside voxels, both included; false when there are none. */
typedef struct ss_box {
    int64_t lo[3], hi[3];
} ss_box;
bool ss_mask_box(const uint8_t *inside, int64_t d, int64_t h, int64_t w, ss_box *box);
/* Copies the box grown by `pad` voxels to `out`, background beyond the volume; size[] gets the
 * shape of the result. Its capacity must be ss_padded_count(). */
void ss_mask_crop(const uint8_t *inside, const ss_masks *m, const ss_box *box, int64_t pad,
                  uint8_t *out, int64_t size[3]);
int64_t ss_padded_count(const ss_masks *m, int64_t pad);

typedef enum { SS_FACE, SS_EDGE, SS_CORNER } ss_connectivity; /* 6, 18, 26 neighbours */
#define SS_CONNECTIVITY "connectivity: enum(face|edge|corner) = face"

/* Labels the components 1, 2.. by falling size, ties by their first voxel; background 0. `work`
 * has ss_components_work() bytes. Returns how many there are. */
int64_t ss_components(const uint8_t *inside, int64_t d, int64_t h, int64_t w, ss_connectivity k,
                      int32_t *label, void *work);
size_t ss_components_work(int64_t count);

/* Squared Euclidean distance of each voxel to the nearest voxel where inside == 0, exact (lower
 * envelope of parabolas, Felzenszwalb and Huttenlocher 2012), in units of spacing (z, y, x);
 * infinity when there is none. `work` has ss_edt_work() bytes. */
void ss_edt_squared(const uint8_t *inside, int64_t d, int64_t h, int64_t w, const double spacing[3],
                    float *squared, void *work);
size_t ss_edt_work(int64_t d, int64_t h, int64_t w);
/* Voxel sizes between which squared distances over 2^31 voxels fit f32. */
#define SS_SPACING_LEAST 0x1p-20
#define SS_SPACING_MOST 0x1p20
/* Reads an optional f32 tensor of 1 or 3 (z, y, x) voxel sizes; 1 when absent. Its values are
 * checked here because infer does not see them. */
ss_status ss_spacing_shape(ss_call *c, int i);
ss_status ss_spacing_of(ss_call *c, int i, double spacing[3]);

/* The k-th smallest (from 0) of n numbers without NaN, in three passes and no copy. */
float ss_kth(const float *x, int64_t n, int64_t k);
/* Percentile q in [0, 100] with linear interpolation between order statistics; NaN when n is 0 or
 * a value is NaN. */
float ss_percentile(const float *x, int64_t n, double q);

static inline int64_t ss_volume_at(const ss_masks *m, int64_t z, int64_t y, int64_t x)
{
    return (z * m->h + y) * m->w + x;
}
#endif
