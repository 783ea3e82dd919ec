/* interior_points.c — points well inside the largest region of a mask: simulated clicks. */
#include "support/cuda_masks.h"
#include "support/mask.h"
#include "support/pick.h"

static ss_status infer(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    const int64_t k = c->attr[0].v[0];
    if (!s && k < 0) return ss_fail(c, SS_E_ARG, "k must not be negative, got %lld", (long long)k);
    return s ? s : ss_out_per_mask(c, &m, SS_F32, 2, (int64_t[]){k, 3});
}

/* Scratch, in this order. The crop has one voxel of background all around. */
typedef struct {
    void *work;    /* components, then distances */
    int32_t *list; /* labels, then candidates */
    float *squared;
    uint8_t *inside, *crop;
    size_t bytes;
} parts;

/* scratch NULL: only `bytes` is wanted. */
static parts parts_of(const ss_masks *m, char *scratch)
{
    const size_t padded = (size_t)ss_padded_count(m, 1), count = (size_t)m->count;
    const size_t a = ss_components_work(m->count), b = ss_edt_work(m->d + 2, m->h + 2, m->w + 2);
    const size_t squared = a > b ? a : b, list = squared + padded * sizeof(float);
    const size_t inside = list + padded * sizeof(int32_t), crop = inside + count;
    parts s = {.bytes = crop + padded};
    if (!scratch) return s;
    s.work = scratch;
    s.squared = (float *)(scratch + squared);
    s.list = (int32_t *)(scratch + list);
    s.inside = (uint8_t *)scratch + inside;
    s.crop = (uint8_t *)scratch + crop;
    return s;
}

static ss_status plan(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    c->scratch_bytes = parts_of(&m, NULL).bytes;
    return s;
}

/* Candidates: voxels of the largest region further than half the maximum from its outside. */
static int64_t core_voxels(const ss_masks *m, parts *p, int64_t size[3], int64_t origin[3])
{
    ss_box box;
    ss_components(p->inside, m->d, m->h, m->w, SS_FACE, p->list, p->work);
    for (int64_t i = 0; i < m->count; i++) p->inside[i] = p->list[i] == 1;
    if (!ss_mask_box(p->inside, m->d, m->h, m->w, &box)) return 0;
    ss_mask_crop(p->inside, m, &box, 1, p->crop, size);
    for (int a = 0; a < 3; a++) origin[a] = box.lo[a] - 1;
    ss_edt_squared(p->crop, size[0], size[1], size[2], (double[]){1, 1, 1}, p->squared, p->work);
    const int64_t count = size[0] * size[1] * size[2];
    float most = 0;
    for (int64_t i = 0; i < count; i++) most = fmaxf(most, p->squared[i]);
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++)
        if (p->squared[i] > most / 4) p->list[n++] = (int32_t)i;
    return n;
}

static ss_status plan_cuda(ss_call *c)
{
    const ss_masks m = ss_masks_in(&c->in[0]);
    ss_arena a = {NULL, 0};
    if (ss_padded_count(&m, 1) > INT32_MAX)
        return ss_fail(c, SS_E_SHAPE,
                       "a volume with a border of one voxel may have at most 2^31 - 1 "
                       "voxels on a CUDA device");
    ss_regions_of(&a, m.count);
    ss_edt_parts_of(&a, ss_padded_count(&m, 1));
    ss_choice_of(&a, m.count);
    c->scratch_bytes = a.used;
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    ss_masks m;
    ss_status s = ss_masks_of(c, 0, &m);
    if (s) return s;
    const int64_t k = c->attr[0].v[0];
    parts p = parts_of(&m, c->scratch);
    for (int64_t v = 0; v < m.n && !ss_cancelled(c); v++) {
        int64_t size[3] = {1, 1, 1}, origin[3] = {0};
        ss_mask_load(&c->in[0], &m, v, p.inside);
        const int64_t n = core_voxels(&m, &p, size, origin);
        ss_pick_points(p.list, n, size, origin, ss_volume_key((uint64_t)c->attr[1].v[0], v), k,
                       ss_out_f32(c, 0) + v * k * 3);
    }
    return ss_cancelled(c) ? SS_E_CANCEL : SS_OK;
}

const ss_op SS_OP(interior_points) = {
    .name = "interior_points",
    .sig = "mask: any, k: int, key: int",
    .doc = "Draw k voxels (z,y,x) as [k,3] (per volume: [n,k,3]) from the core of the largest "
           "6-connected region: where the distance to its outside, the border of the volume "
           "counting as outside, exceeds half of its maximum. No voxel repeats before all were "
           "drawn; an empty mask gives NaN. Masks as in connected_components.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD | SS_OP_RANDOM,
};
