/* nifti.h — NIfTI-1 and NIfTI-2 volumes: strict reading, atomic writing, geometry carried exactly.
 *
 * Read are .nii, .nii.gz and .hdr/.img pairs (each file plain or gzip) in both byte orders, with
 * stored types u8 i8 u16 i16 u32 i32 u64 i64 f32 f64. Nothing is believed: each size is computed
 * with overflow checks and compared with what the file can hold before memory is taken, gzip is
 * read to its end and verified, and a header that contradicts itself is refused with the field, the
 * value found and the value expected.
 *
 * Voxels come as [z, y, x], the file's own order (x fastest); a 2-D image has z = 1. Further axes
 * of size above 1 stand in front: a series of t volumes is [t, z, y, x], a file of c channels [c,
 * z, y, x] (ss_nifti_how.volume takes one of them).
 *
 * The affine maps voxel (x, y, z) of the file, counted from 0, to millimetres. It is the sform when
 * sform_code > 0, else the qform when qform_code > 0, else the bare spacings with a warning.
 *
 * Source: the NIfTI-1.1 and NIfTI-2 headers (nifti1.h, nifti2.h). */
#ifndef SEMISAM_NIFTI_H
#define SEMISAM_NIFTI_H
#include "error.h"

/* What a file written on the grid of another repeats of it, bit for bit. Plain bytes without
 * padding, so that a caller may keep it as a string; ss_nifti_write() checks it again. */
typedef struct ss_nifti_geom {
    char magic[8];                                  /* "ssgeom1" */
    int32_t version, qform_code, sform_code, units; /* units: xyzt_units of the header */
    int64_t dim[3];                                 /* x, y, z */
    double pixdim[8], quatern[3], offset[3], srow[3][4];
} ss_nifti_geom;

typedef enum { SS_NIFTI_SFORM, SS_NIFTI_QFORM, SS_NIFTI_PIXDIM } ss_nifti_source;

enum { SS_NIFTI_WARNINGS = 8, SS_NIFTI_WARNING_CHARS = 200 };

typedef struct ss_nifti_warnings {
    int n;
    char text[SS_NIFTI_WARNINGS][SS_NIFTI_WARNING_CHARS];
} ss_nifti_warnings;

typedef struct ss_nifti {
    void *data;     /* malloc'ed, row-major; NULL after reading only the header */
    ss_dtype dtype; /* f32 for images; u8 or i32 for labels */
    int ndim;
    int64_t shape[SS_MAX_DIM];
    int64_t volumes; /* how many volumes the file holds, 1 for a 3-D image */
    ss_nifti_geom geom;
    ss_nifti_source source; /* where the affine comes from */
    double affine[4][4];    /* mm */
    double spacing[3];      /* mm along x, y, z of the file */
    char axes[4];           /* direction of growing x, y, z: "RAS", "LPS", ... */
    const char *stored;     /* element type in the file: "i16" */
    double slope, inter;    /* value = stored * slope + inter; 1 and 0 without scaling */
    int64_t nonfinite;      /* voxels that were NaN or infinite in the file */
    ss_nifti_warnings warnings;
} ss_nifti;

/* What to do with NaN and infinite voxels of an image. A label file with one is always refused. */
typedef enum {
    SS_NIFTI_NF_ERROR,
    SS_NIFTI_NF_ZERO,
    SS_NIFTI_NF_MEAN, /* the mean of the finite voxels */
    SS_NIFTI_NF_KEEP
} ss_nifti_nonfinite;

typedef struct ss_nifti_how {
    bool label;         /* whole numbers >= 0 as u8 or i32; anything else is an error */
    bool header_only;   /* check the header against the file's size; read no voxels */
    int64_t volume;     /* > 0: only this volume, counted from 1 */
    int64_t max_voxels; /* refuse larger files; 0: SS_NIFTI_MAX_VOXELS */
    ss_nifti_nonfinite nonfinite;
} ss_nifti_how;

#define SS_NIFTI_MAX_VOXELS ((int64_t)1 << 29)

/* ss_nifti_read() — fills *img; how == NULL is an image with the defaults. On failure *img is
 * empty. Release with ss_nifti_free(). */
ss_status ss_nifti_read(ss_nifti *img, const char *path, const ss_nifti_how *how, ss_error *err);
/* ss_nifti_parse() — the same from the n bytes of a .nii or .nii.gz in memory. */
ss_status ss_nifti_parse(ss_nifti *img, const char *name, const void *p, size_t n,
                         const ss_nifti_how *how, ss_error *err);
void ss_nifti_free(ss_nifti *img);

/* ss_nifti_geom_from_affine() — geometry of a new grid: sform and (unless sheared) qform with code
 * 1, millimetres. */
ss_status ss_nifti_geom_from_affine(ss_nifti_geom *g, const double affine[4][4], ss_error *err);

/* ss_nifti_write() — `v` is contiguous, [z, y, x] with up to four axes in front; path ends in .nii
 * or .nii.gz. `stored` names the type in the file; NULL: u8 for bool and u8, i32 for i32 and i64,
 * f32 for floats. A value that it cannot hold exactly is an error (floats to f32 excepted). dim of
 * the geometry must be v's, or zero to fit any. NIfTI-1, unless an axis exceeds 32767 or the
 * geometry comes from a NIfTI-2 file. The bytes depend on nothing but the arguments. */
ss_status ss_nifti_write(const char *path, const ss_view *v, const ss_nifti_geom *g,
                         const char *stored, ss_error *err);
#endif
