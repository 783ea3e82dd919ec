/* cuda_masks.h — scratch of the CUDA twins that measure masks, for one volume at a time. */
#ifndef SEMISAM_CUDA_MASKS_H
#define SEMISAM_CUDA_MASKS_H
#include "cuda_work.h"

/* Regions (cuda/components.h). */
typedef struct ss_regions {
    uint32_t *parent; /* of each voxel: the first voxel of its region; ~0 outside */
    uint32_t *size;   /* at the first voxel of a region: its voxels */
    uint64_t *best;   /* of the largest one */
} ss_regions;

static inline ss_regions ss_regions_of(ss_arena *a, int64_t count)
{
    ss_regions r;
    r.parent = ss_take_words(a, count);
    r.size = ss_take_words(a, count);
    r.best = (uint64_t *)ss_take(a, sizeof(uint64_t));
    return r;
}

/* Numbering of regions by size. At most every second voxel begins one. */
typedef struct ss_ranking {
    uint32_t *number; /* count + 1: regions that begin before a voxel */
    uint32_t *scan;
    ss_sort_work sort;
    int64_t most;
} ss_ranking;

static inline ss_ranking ss_ranking_of(ss_arena *a, int64_t count)
{
    ss_ranking r;
    r.most = (count + 1) / 2;
    r.number = ss_take_words(a, count + 1);
    r.scan = ss_take_words(a, ss_scan_words(count + 1));
    r.sort = ss_sort_work_of(a, r.most);
    return r;
}

/* Distances (cuda/edt.h). */
typedef struct ss_edt_parts {
    uint8_t *inside;
    float *squared, *other;
    int32_t *apex; /* of the parabolas of a line's envelope */
} ss_edt_parts;

static inline ss_edt_parts ss_edt_parts_of(ss_arena *a, int64_t count)
{
    ss_edt_parts e;
    e.inside = (uint8_t *)ss_take(a, (size_t)count);
    e.squared = (float *)ss_take_words(a, count);
    e.other = (float *)ss_take_words(a, count);
    e.apex = (int32_t *)ss_take_words(a, count);
    return e;
}

/* The list of chosen voxels (cuda/points.h). */
typedef struct ss_choice {
    uint32_t *number; /* count + 1: chosen voxels before this one */
    uint32_t *scan;
    int32_t *list;
    uint32_t *most; /* bits of the greatest squared distance */
} ss_choice;

static inline ss_choice ss_choice_of(ss_arena *a, int64_t count)
{
    ss_choice p;
    p.number = ss_take_words(a, count + 1);
    p.scan = ss_take_words(a, ss_scan_words(count + 1));
    p.list = (int32_t *)ss_take_words(a, count);
    p.most = ss_take_words(a, 1);
    return p;
}

/* surface_distances: six quantiles and the maximum are found at once. */
enum { SS_SURFACE_QUERIES = 7, SS_SURFACE_BINS = 2048, SS_SURFACE_PARTS = 256 };

typedef struct ss_surface_work {
    uint8_t *inside[2];
    ss_edt_parts edt[2]; /* .inside: 0 on the surface of mask 0 and 1; other and apex are shared */
    uint32_t *bin;       /* [queries][bins] */
    uint32_t *key;       /* [queries]: the leading bits found so far */
    uint64_t *rank;      /* [queries]: place among the values with these bits */
    double *part;        /* [parts][4]: sums and counts of blocks */
    double *total;       /* [4] */
} ss_surface_work;

static inline ss_surface_work ss_surface_work_of(ss_arena *a, int64_t count)
{
    ss_surface_work w;
    for (int k = 0; k < 2; k++) w.inside[k] = (uint8_t *)ss_take(a, (size_t)count);
    w.edt[0] = w.edt[1] = ss_edt_parts_of(a, count);
    w.edt[1].inside = (uint8_t *)ss_take(a, (size_t)count);
    w.edt[1].squared = (float *)ss_take_words(a, count);
    w.bin = ss_take_words(a, SS_SURFACE_QUERIES * SS_SURFACE_BINS);
    w.key = ss_take_words(a, SS_SURFACE_QUERIES);
    w.rank = (uint64_t *)ss_take(a, SS_SURFACE_QUERIES * sizeof(uint64_t));
    w.part = (double *)ss_take(a, SS_SURFACE_PARTS * 4 * sizeof(double));
    w.total = (double *)ss_take(a, 4 * sizeof(double));
    return w;
}
#endif
