/* nifti_parts.h — what the nifti_*.c files share. */
#ifndef SEMISAM_NIFTI_PARTS_H
#define SEMISAM_NIFTI_PARTS_H
#include "nifti.h"
#include "stream.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "NIfTI code assumes little endian");

enum {
    SS_NIFTI1_BYTES = 348,
    SS_NIFTI2_BYTES = 540,
    SS_NIFTI_FLAG_BYTES = 4, /* tells whether extensions follow the header */
    SS_NIFTI_CHUNK = 1 << 15 /* elements converted at a time */
};

typedef struct ss_nifti_type {
    int code; /* of the header */
    const char *name;
    int bytes;
} ss_nifti_type;
const ss_nifti_type *ss_nifti_type_named(const char *name);
const ss_nifti_type *ss_nifti_type_coded(int code);

/* A header that passed every check which needs no other file. */
typedef struct ss_nifti_head {
    bool swapped; /* voxels are big endian */
    bool pair;    /* voxels are in the .img file */
    const ss_nifti_type *type;
    int ndim;
    int64_t dim[7];  /* x, y, z first; those past ndim are 1 */
    int64_t voxels;  /* of one volume: x * y * z */
    uint64_t offset; /* of the voxels in their file */
} ss_nifti_head;

/* ss_nifti_head_read() — reads the header alone. Fills img except its data. */
ss_status ss_nifti_head_read(ss_nifti_head *h, ss_nifti *img, ss_stream *in, const char *name,
                             ss_error *err);
/* ss_nifti_head_pass() — in a single file, go on to the voxels, checking that extensions (which are
 * not used) fill the space sensibly. */
ss_status ss_nifti_head_pass(const ss_nifti_head *h, ss_nifti *img, ss_stream *in, const char *name,
                             ss_error *err);
/* ss_nifti_geom_resolve() — choose the affine, check it, fill source, affine, spacing and axes. */
ss_status ss_nifti_geom_resolve(ss_nifti *img, const char *name, ss_error *err);
__attribute__((format(printf, 2, 3))) void ss_nifti_warn(ss_nifti *img, const char *fmt, ...);
#endif
