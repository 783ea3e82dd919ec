/* nifti_head.c — the header's bytes become checked numbers. NIfTI-1 fields are widened to those of
 * NIfTI-2, so that one set of checks serves both. */
#include "nifti_parts.h"
#include <math.h>
#include <nifti1.h>
#include <nifti2.h>
#include <string.h>

enum {
    MAX_EXTENSIONS = 1 << 24, /* bytes between the header and the voxels */
    MIN_EXTENSION = 8
};

_Static_assert(sizeof(struct nifti_1_header) == SS_NIFTI1_BYTES, "header layout");
_Static_assert(sizeof(struct nifti_2_header) == SS_NIFTI2_BYTES, "header layout");

static const ss_nifti_type types[] = {
    {DT_UINT8, "u8", 1},    {DT_INT8, "i8", 1},     {DT_UINT16, "u16", 2}, {DT_INT16, "i16", 2},
    {DT_UINT32, "u32", 4},  {DT_INT32, "i32", 4},   {DT_UINT64, "u64", 8}, {DT_INT64, "i64", 8},
    {DT_FLOAT32, "f32", 4}, {DT_FLOAT64, "f64", 8},
};

const ss_nifti_type *ss_nifti_type_named(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].name, name)) return &types[i];
    return NULL;
}

const ss_nifti_type *ss_nifti_type_coded(int code)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].code == code) return &types[i];
    return NULL;
}

static const char *refused_type(int code)
{
    switch (code) {
    case DT_BINARY:
        return "single bits";
    case DT_RGB24:
        return "RGB colours";
    case DT_RGBA32:
        return "RGBA colours";
    case DT_COMPLEX64:
    case DT_COMPLEX128:
    case DT_COMPLEX256:
        return "complex numbers";
    case DT_FLOAT128:
        return "128-bit floats";
    default:
        return "not a type of the standard";
    }
}

static void flip(void *p, size_t size, size_t n)
{
    unsigned char *b = p;
    for (size_t k = 0; k < n; k++, b += size)
        for (size_t i = 0; i < size / 2; i++) {
            const unsigned char t = b[i];
            b[i] = b[size - 1 - i];
            b[size - 1 - i] = t;
        }
}
#define FLIP(x) flip(&(x), sizeof(x), 1)
#define FLIPS(x) flip((x), sizeof((x)[0]), sizeof(x) / sizeof((x)[0]))

/* Both formats in NIfTI-2's fields. vox_offset stays a number of its own: a float of a NIfTI-1
 * header need not be a whole one. */
typedef struct wide {
    struct nifti_2_header h;
    double vox_offset;
    char kind; /* '+' or 'i' of the magic */
} wide;

#define WIDE_FIELDS(X)                                                                             \
    X(datatype)                                                                                    \
    X(bitpix)                                                                                      \
    X(scl_slope)                                                                                   \
    X(scl_inter)                                                                                   \
    X(qform_code)                                                                                  \
    X(sform_code) X(quatern_b) X(quatern_c) X(quatern_d) X(qoffset_x) X(qoffset_y) X(qoffset_z)
#define WIDE_ARRAYS(X) X(dim) X(pixdim) X(srow_x) X(srow_y) X(srow_z)

static void widen1(wide *w, const unsigned char *bytes, bool swapped)
{
    struct nifti_1_header h;
    memcpy(&h, bytes, sizeof h);
    if (swapped) {
#define X(f) FLIP(h.f);
        WIDE_FIELDS(X)
#undef X
#define X(f) FLIPS(h.f);
        WIDE_ARRAYS(X)
#undef X
        FLIP(h.vox_offset);
    }
#define X(f) w->h.f = h.f;
    WIDE_FIELDS(X)
#undef X
#define X(f)                                                                                       \
    for (size_t i = 0; i < sizeof h.f / sizeof h.f[0]; i++) w->h.f[i] = h.f[i];
    WIDE_ARRAYS(X)
#undef X
    w->h.xyzt_units = (unsigned char)h.xyzt_units;
    w->vox_offset = (double)h.vox_offset;
}

static void widen2(wide *w, const unsigned char *bytes, bool swapped)
{
    memcpy(&w->h, bytes, sizeof w->h);
    if (swapped) {
#define X(f) FLIP(w->h.f);
        WIDE_FIELDS(X)
#undef X
#define X(f) FLIPS(w->h.f);
        WIDE_ARRAYS(X)
#undef X
        FLIP(w->h.vox_offset);
        FLIP(w->h.xyzt_units);
    }
    w->vox_offset = (double)w->h.vox_offset;
}

/* Version and byte order from sizeof_hdr, confirmed by dim[0]; then the magic. */
static ss_status identify(wide *w, int *version, bool *swapped, ss_stream *in, const char *name,
                          ss_error *err)
{
    unsigned char bytes[SS_NIFTI2_BYTES];
    int32_t size;
    ss_status s = ss_stream_read(in, bytes, SS_NIFTI1_BYTES, err);
    if (s) return s;
    memcpy(&size, bytes, sizeof size);
    *swapped = size != SS_NIFTI1_BYTES && size != SS_NIFTI2_BYTES;
    if (*swapped) FLIP(size);
    if (size != SS_NIFTI1_BYTES && size != SS_NIFTI2_BYTES) {
        FLIP(size);
        return ss_error_set(err, SS_E_FORMAT,
                            "%s: not NIfTI: sizeof_hdr is %d; 348 or 540 is expected", name, size);
    }
    *version = size == SS_NIFTI1_BYTES ? 1 : 2;
    memset(w, 0, sizeof *w);
    if (*version == 1) {
        widen1(w, bytes, *swapped);
    } else {
        s = ss_stream_read(in, bytes + SS_NIFTI1_BYTES, SS_NIFTI2_BYTES - SS_NIFTI1_BYTES, err);
        if (s) return s;
        widen2(w, bytes, *swapped);
    }
    const char *magic = (const char *)bytes + (*version == 1 ? 344 : 4);
    static const char tail2[4] = {'\r', '\n', '\032', '\n'};
    const bool tail_ok = *version == 1 || !memcmp(magic + 4, tail2, sizeof tail2);
    w->kind = magic[1];
    if (magic[0] != 'n' || (magic[1] != '+' && magic[1] != 'i') || magic[2] != '0' + *version ||
        magic[3] != 0 || !tail_ok) {
        if (*version == 1 && !memcmp(magic, "\0\0\0", 4))
            return ss_error_set(err, SS_E_FORMAT,
                                "%s: an ANALYZE header (no NIfTI magic): it has no orientation; "
                                "convert it to NIfTI first",
                                name);
        return ss_error_set(err, SS_E_FORMAT,
                            "%s: the magic is %02x %02x %02x %02x; n+%d or ni%d is expected", name,
                            (unsigned char)magic[0], (unsigned char)magic[1],
                            (unsigned char)magic[2], (unsigned char)magic[3], *version, *version);
    }
    return SS_OK;
}

static ss_status check_dims(ss_nifti_head *h, ss_nifti *img, const wide *w, const char *name,
                            ss_error *err)
{
    const int64_t nd = w->h.dim[0];
    if (nd < 1 || nd > 7) {
        int64_t other = nd;
        int16_t narrow = (int16_t)nd;
        FLIP(other);
        FLIP(narrow);
        if (img->geom.version == 1) other = narrow;
        return ss_error_set(
            err, SS_E_FORMAT, "%s: dim[0] is %lld; 1 to 7 is expected%s", name, (long long)nd,
            other >= 1 && other <= 7 ? " (valid only in the byte order that sizeof_hdr excludes)"
                                     : "");
    }
    h->ndim = (int)nd;
    h->voxels = img->volumes = 1;
    for (int i = 0; i < 7; i++) {
        h->dim[i] = i < h->ndim ? w->h.dim[i + 1] : 1;
        if (h->dim[i] < 1 || h->dim[i] > INT32_MAX)
            return ss_error_set(err, SS_E_FORMAT, "%s: dim[%d] is %lld; 1 to %d is expected", name,
                                i + 1, (long long)h->dim[i],
                                img->geom.version == 1 ? INT16_MAX : INT32_MAX);
        int64_t *count = i < 3 ? &h->voxels : &img->volumes;
        if (__builtin_mul_overflow(*count, h->dim[i], count))
            return ss_error_set(err, SS_E_FORMAT, "%s: the product of dim[1..%d] overflows", name,
                                i + 1);
    }
    for (int i = 0; i < 3; i++) img->geom.dim[i] = h->dim[i];
    return SS_OK;
}

static ss_status check_type(ss_nifti_head *h, ss_nifti *img, const wide *w, const char *name,
                            ss_error *err)
{
    const double slope = w->h.scl_slope, inter = w->h.scl_inter;
    h->type = ss_nifti_type_coded(w->h.datatype);
    if (!h->type)
        return ss_error_set(err, SS_E_FORMAT,
                            "%s: datatype %d (%s) is not supported for images; integers of 8 to 64 "
                            "bits, f32 and f64 are",
                            name, w->h.datatype, refused_type(w->h.datatype));
    if (w->h.bitpix != 8 * h->type->bytes)
        return ss_error_set(err, SS_E_FORMAT, "%s: bitpix is %d; datatype %d (%s) has %d", name,
                            w->h.bitpix, w->h.datatype, h->type->name, 8 * h->type->bytes);
    img->stored = h->type->name;
    img->slope = 1;
    img->inter = 0;
    if (isnan(slope) && isnan(inter)) { /* what some writers mean by "not scaled" */
        ss_nifti_warn(img, "scl_slope and scl_inter are NaN; taken as no scaling");
        return SS_OK;
    }
    if (!isfinite(slope) || !isfinite(inter))
        return ss_error_set(err, SS_E_FORMAT,
                            "%s: scl_slope is %g and scl_inter is %g; finite numbers are expected",
                            name, slope, inter);
    if (slope != 0) {
        img->slope = slope;
        img->inter = inter;
    } else if (inter != 0) {
        ss_nifti_warn(img, "scl_slope is 0, so scl_inter %g is not applied", inter);
    }
    return SS_OK;
}

static ss_status check_offset(ss_nifti_head *h, const ss_nifti *img, const wide *w,
                              const char *name, ss_error *err)
{
    const uint64_t header = img->geom.version == 1 ? SS_NIFTI1_BYTES : SS_NIFTI2_BYTES;
    const uint64_t least = h->pair ? 0 : header + SS_NIFTI_FLAG_BYTES;
    const double v = w->vox_offset;
    if (!(v >= (double)least && v <= (double)(least + MAX_EXTENSIONS)) || v != floor(v))
        return ss_error_set(
            err, SS_E_FORMAT, "%s: vox_offset is %g; a whole number from %llu to %llu is expected",
            name, v, (unsigned long long)least, (unsigned long long)least + MAX_EXTENSIONS);
    h->offset = (uint64_t)v;
    return SS_OK;
}

ss_status ss_nifti_head_pass(const ss_nifti_head *h, ss_nifti *img, ss_stream *in, const char *name,
                             ss_error *err)
{
    unsigned char flag[SS_NIFTI_FLAG_BYTES];
    ss_status s = ss_stream_read(in, flag, sizeof flag, err);
    while (!s && flag[0] && ss_stream_at(in) < h->offset) {
        const uint64_t room = h->offset - ss_stream_at(in);
        int32_t size[2];
        if (room < MIN_EXTENSION) break;
        s = ss_stream_read(in, size, sizeof size, err);
        if (s) return s;
        if (h->swapped) FLIP(size[0]);
        if (size[0] < MIN_EXTENSION || (uint64_t)size[0] > room)
            return ss_error_set(err, SS_E_FORMAT,
                                "%s: the extension at byte %llu has the size %d; %d to %llu fit "
                                "before the voxels",
                                name, (unsigned long long)(h->offset - room), size[0],
                                MIN_EXTENSION, (unsigned long long)room);
        if (size[0] % 16 && img->warnings.n == 0)
            ss_nifti_warn(img, "an extension of %d bytes is not a multiple of 16", size[0]);
        s = ss_stream_skip(in, (uint64_t)size[0] - sizeof size, err);
    }
    if (!s) s = ss_stream_skip(in, h->offset - ss_stream_at(in), err);
    return s;
}

static void keep_geometry(ss_nifti_geom *g, const struct nifti_2_header *h)
{
    memcpy(g->magic, "ssgeom1", sizeof g->magic);
    g->qform_code = h->qform_code;
    g->sform_code = h->sform_code;
    g->units = h->xyzt_units;
    memcpy(g->pixdim, h->pixdim, sizeof g->pixdim);
    memcpy(g->srow[0], h->srow_x, sizeof g->srow[0]);
    memcpy(g->srow[1], h->srow_y, sizeof g->srow[1]);
    memcpy(g->srow[2], h->srow_z, sizeof g->srow[2]);
    const double quatern[3] = {h->quatern_b, h->quatern_c, h->quatern_d};
    const double offset[3] = {h->qoffset_x, h->qoffset_y, h->qoffset_z};
    memcpy(g->quatern, quatern, sizeof quatern);
    memcpy(g->offset, offset, sizeof offset);
}

static void set_shape(ss_nifti *img, const ss_nifti_head *h)
{
    img->ndim = 0;
    for (int i = 6; i >= 0; i--)
        if (i < 3 || h->dim[i] > 1) img->shape[img->ndim++] = h->dim[i];
}

ss_status ss_nifti_head_read(ss_nifti_head *h, ss_nifti *img, ss_stream *in, const char *name,
                             ss_error *err)
{
    wide w;
    bool swapped;
    int version = 0;
    memset(h, 0, sizeof *h);
    ss_status s = identify(&w, &version, &swapped, in, name, err);
    if (s) return s;
    h->swapped = swapped;
    h->pair = w.kind == 'i';
    img->geom.version = version;
    keep_geometry(&img->geom, &w.h);
    s = check_dims(h, img, &w, name, err);
    if (!s) s = check_type(h, img, &w, name, err);
    if (!s) s = check_offset(h, img, &w, name, err);
    if (!s) s = ss_nifti_geom_resolve(img, name, err);
    if (!s) set_shape(img, h);
    return s;
}
