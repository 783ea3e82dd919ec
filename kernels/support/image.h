/* image.h — how image arguments of augmentations and sampling are shaped.
 *
 * An image is [d,h,w], [d,h,w,c] or [n,d,h,w,c] (d,h,w = z,y,x). */
#ifndef SEMISAM_IMAGE_H
#define SEMISAM_IMAGE_H
#include "../cpu.h"
#include "both.h"

typedef struct ss_images {
    int64_t n, size[3], c;
    int64_t voxels;       /* of one volume */
    int64_t count;        /* elements of one volume: voxels * c */
    bool batch, channels; /* the argument has an n axis, a c axis */
} ss_images;

static inline ss_status ss_images_of(ss_call *c, int i, ss_images *m)
{
    const ss_view *v = &c->in[i];
    memset(m, 0, sizeof *m);
    if (v->ndim < 3 || v->ndim > 5)
        return ss_fail(c, SS_E_SHAPE, "an image is [d,h,w], [d,h,w,c] or [n,d,h,w,c]");
    m->batch = v->ndim == 5;
    m->channels = v->ndim > 3;
    m->n = m->batch ? v->shape[0] : 1;
    m->c = m->channels ? v->shape[v->ndim - 1] : 1;
    m->voxels = 1;
    for (int a = 0; a < 3; a++) {
        m->size[a] = v->shape[a + m->batch];
        m->voxels *= m->size[a];
    }
    m->count = m->voxels * m->c;
    return SS_OK;
}

/* Output 0 is the image with another size of volume. */
static inline ss_status ss_out_image(ss_call *c, const ss_images *m, ss_dtype t,
                                     const int64_t *size)
{
    int64_t shape[SS_MAX_DIM] = {m->n};
    int n = m->batch;
    for (int a = 0; a < 3; a++) shape[n++] = size[a];
    if (m->channels) shape[n++] = m->c;
    return ss_out(c, 0, t, n, shape);
}

/* infer of an augmentation: the first input is an f32 image, the output is like it. */
static inline ss_status ss_infer_image(ss_call *c)
{
    ss_images m;
    ss_status s = ss_images_of(c, 0, &m);
    return s ? s : ss_out_like(c, 0, &c->in[0]);
}

/* Limits of augmented intensities; NaN passes. */
SS_BOTH float ss_clip(float x, float lo, float hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* The axis along which sound travels away from the probe, as an attribute. */
#define SS_BEAM "beam: enum(z|y|x) = y"
#endif
