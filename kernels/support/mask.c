/* mask.c — shapes and loading of mask arguments, boxes and crops. */
#include "mask.h"

ss_status ss_masks_of(ss_call *c, int i, ss_masks *m)
{
    const ss_view *v = &c->in[i];
    *m = (ss_masks){0};
    if (v->ndim < 3 || v->ndim > 5 || (v->ndim == 5 && v->shape[4] != 1))
        return ss_fail(c, SS_E_SHAPE, "a mask is [d,h,w], [n,d,h,w] or [n,d,h,w,1]");
    if (v->ndim == 4 && v->shape[3] == 1)
        return ss_fail(c, SS_E_SHAPE,
                       "a mask of four axes is [n,d,h,w]; for [d,h,w,1] drop the last axis");
    *m = ss_masks_in(v);
    if (m->count > INT32_MAX - 1)
        return ss_fail(c, SS_E_SHAPE, "a volume of %lld voxels is too large, at most 2^31 - 2",
                       (long long)m->count);
    return SS_OK;
}

ss_status ss_out_per_mask(ss_call *c, const ss_masks *m, ss_dtype t, int ndim, const int64_t *size)
{
    int64_t shape[SS_MAX_DIM] = {m->n};
    for (int i = 0; i < ndim; i++) shape[i + m->batch] = size[i];
    return ss_out(c, 0, t, ndim + m->batch, shape);
}

void ss_mask_load(const ss_view *v, const ss_masks *m, int64_t k, uint8_t *inside)
{
    enum { BLOCK = 1024 };
    const size_t size = ss_dtype_bytes(v->dtype);
    const char *data = (const char *)v->data + (size_t)(k * m->count) * size;
    SS_PARALLEL_FOR (b, ss_ceil_div(m->count, BLOCK), BLOCK) {
        float t[BLOCK];
        const int64_t at = b * BLOCK, n = ss_min64(BLOCK, m->count - at);
        ss_load_f32(t, data + (size_t)at * size, v->dtype, n);
        for (int64_t i = 0; i < n; i++) inside[at + i] = t[i] > 0;
    }
}

bool ss_mask_box(const uint8_t *inside, int64_t d, int64_t h, int64_t w, ss_box *box)
{
    ss_box b = {{d, h, w}, {-1, -1, -1}};
    for (int64_t z = 0; z < d; z++)
        for (int64_t y = 0; y < h; y++) {
            const uint8_t *row = inside + (z * h + y) * w;
            const uint8_t *first = w ? memchr(row, 1, (size_t)w) : NULL;
            if (!first) continue;
            const uint8_t *last = memrchr(row, 1, (size_t)w);
            b.lo[0] = ss_min64(b.lo[0], z);
            b.hi[0] = z;
            b.lo[1] = ss_min64(b.lo[1], y);
            b.hi[1] = ss_max64(b.hi[1], y);
            b.lo[2] = ss_min64(b.lo[2], first - row);
            b.hi[2] = ss_max64(b.hi[2], last - row);
        }
    *box = b;
    return b.hi[0] >= 0;
}

int64_t ss_padded_count(const ss_masks *m, int64_t pad)
{
    return (m->d + 2 * pad) * (m->h + 2 * pad) * (m->w + 2 * pad);
}

void ss_mask_crop(const uint8_t *inside, const ss_masks *m, const ss_box *box, int64_t pad,
                  uint8_t *out, int64_t size[3])
{
    for (int a = 0; a < 3; a++) size[a] = box->hi[a] - box->lo[a] + 1 + 2 * pad;
    const int64_t x0 = ss_max64(0, box->lo[2] - pad), x1 = ss_min64(m->w - 1, box->hi[2] + pad);
    memset(out, 0, (size_t)(size[0] * size[1] * size[2]));
    for (int64_t i = 0; i < size[0]; i++) {
        const int64_t z = box->lo[0] - pad + i;
        if (z < 0 || z >= m->d) continue;
        for (int64_t j = 0; j < size[1]; j++) {
            const int64_t y = box->lo[1] - pad + j;
            if (y < 0 || y >= m->h) continue;
            memcpy(out + (i * size[1] + j) * size[2] + (x0 - (box->lo[2] - pad)),
                   inside + ss_volume_at(m, z, y, x0), (size_t)(x1 - x0 + 1));
        }
    }
}
