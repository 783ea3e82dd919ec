/* nifti_write.c — headers written from scratch, so that nothing of a source file but its geometry
 * can leave with a result; voxels checked to fit their type. */
#include "cpu.h"
#include "file.h"
#include "nifti_parts.h"
#include <nifti1.h>
#include <nifti2.h>
#include <stdlib.h>
#include <zlib.h>

enum { GZIP_LEVEL = 6, GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8, MAX_AXES = 7 };

typedef struct sink {
    ss_outfile *file;
    bool gzip, deflating;
    z_stream z;
    const char *path;
    unsigned char out[1 << 16];
} sink;

static ss_status sink_put(sink *k, const void *p, size_t n, bool last, ss_error *err)
{
    if (!k->gzip) return ss_file_put(k->file, p, n, err);
    k->z.next_in = (Bytef *)p;
    k->z.avail_in = (uInt)n;
    int r;
    do {
        k->z.next_out = k->out;
        k->z.avail_out = sizeof k->out;
        r = deflate(&k->z, last ? Z_FINISH : Z_NO_FLUSH);
        if (r == Z_STREAM_ERROR)
            return ss_error_set(err, SS_E_STATE, "%s: compression failed", k->path);
        ss_status s = ss_file_put(k->file, k->out, sizeof k->out - k->z.avail_out, err);
        if (s) return s;
    } while (k->z.avail_out == 0 || (last && r != Z_STREAM_END));
    return SS_OK;
}

static bool ends_with(const char *path, const char *end)
{
    const size_t n = strlen(path), k = strlen(end);
    return n > k && !strcmp(path + n - k, end);
}

/* ---- headers --------------------------------------------------------------- */

static void fill_dims(int64_t dim[8], const ss_view *v)
{
    dim[0] = v->ndim;
    for (int i = 1; i < 8; i++) dim[i] = i <= v->ndim ? v->shape[v->ndim - i] : 1;
}

static size_t header1(unsigned char *bytes, const ss_view *v, const ss_nifti_geom *g,
                      const ss_nifti_type *t)
{
    struct nifti_1_header h;
    int64_t dim[8];
    memset(&h, 0, sizeof h);
    fill_dims(dim, v);
    h.sizeof_hdr = SS_NIFTI1_BYTES;
    h.regular = 'r';
    h.datatype = (short)t->code;
    h.bitpix = (short)(8 * t->bytes);
    h.vox_offset = SS_NIFTI1_BYTES + SS_NIFTI_FLAG_BYTES;
    h.scl_slope = 1;
    h.xyzt_units = (char)g->units;
    h.qform_code = (short)g->qform_code;
    h.sform_code = (short)g->sform_code;
    for (int i = 0; i < 8; i++) {
        h.dim[i] = (short)dim[i];
        h.pixdim[i] = (float)g->pixdim[i];
    }
    h.quatern_b = (float)g->quatern[0];
    h.quatern_c = (float)g->quatern[1];
    h.quatern_d = (float)g->quatern[2];
    h.qoffset_x = (float)g->offset[0];
    h.qoffset_y = (float)g->offset[1];
    h.qoffset_z = (float)g->offset[2];
    for (int i = 0; i < 4; i++) {
        h.srow_x[i] = (float)g->srow[0][i];
        h.srow_y[i] = (float)g->srow[1][i];
        h.srow_z[i] = (float)g->srow[2][i];
    }
    memcpy(h.magic, "n+1", sizeof h.magic);
    memcpy(bytes, &h, sizeof h);
    return sizeof h;
}

static size_t header2(unsigned char *bytes, const ss_view *v, const ss_nifti_geom *g,
                      const ss_nifti_type *t)
{
    struct nifti_2_header h;
    int64_t dim[8];
    memset(&h, 0, sizeof h);
    fill_dims(dim, v);
    h.sizeof_hdr = SS_NIFTI2_BYTES;
    memcpy(h.magic, "n+2\0\r\n\032\n", sizeof h.magic);
    h.datatype = (int16_t)t->code;
    h.bitpix = (int16_t)(8 * t->bytes);
    memcpy(h.dim, dim, sizeof h.dim);
    memcpy(h.pixdim, g->pixdim, sizeof h.pixdim);
    h.vox_offset = SS_NIFTI2_BYTES + SS_NIFTI_FLAG_BYTES;
    h.scl_slope = 1;
    h.xyzt_units = g->units;
    h.qform_code = g->qform_code;
    h.sform_code = g->sform_code;
    h.quatern_b = g->quatern[0];
    h.quatern_c = g->quatern[1];
    h.quatern_d = g->quatern[2];
    h.qoffset_x = g->offset[0];
    h.qoffset_y = g->offset[1];
    h.qoffset_z = g->offset[2];
    memcpy(h.srow_x, g->srow[0], sizeof h.srow_x);
    memcpy(h.srow_y, g->srow[1], sizeof h.srow_y);
    memcpy(h.srow_z, g->srow[2], sizeof h.srow_z);
    memcpy(bytes, &h, sizeof h);
    return sizeof h;
}

/* ---- voxels ---------------------------------------------------------------- */

static void load(double *to, const ss_view *v, int64_t at, int64_t n)
{
    float t[256];
    switch (v->dtype) {
    case SS_BOOL:
    case SS_U8:
        for (int64_t i = 0; i < n; i++) to[i] = ((const uint8_t *)v->data)[at + i];
        return;
    case SS_I32:
        for (int64_t i = 0; i < n; i++) to[i] = ((const int32_t *)v->data)[at + i];
        return;
    case SS_I64:
        for (int64_t i = 0; i < n; i++) to[i] = (double)((const int64_t *)v->data)[at + i];
        return;
    default:
        for (int64_t i = 0; i < n; i += 256) {
            const int64_t k = ss_min64(256, n - i);
            ss_load_f32(t, (const char *)v->data + (size_t)(at + i) * ss_dtype_bytes(v->dtype),
                        v->dtype, k);
            for (int64_t j = 0; j < k; j++) to[i + j] = (double)t[j];
        }
    }
}

/* STORE: a value that changes on its way into the type is reported. 2^53 bounds what a double (and
 * so the check) tells apart. */
#define STORE(ctype, lo, hi)                                                                       \
    for (; i < n; i++) {                                                                           \
        const double v = from[i];                                                                  \
        if (!(v >= (lo) && v <= (hi) && v == trunc(v))) break;                                     \
        const ctype x = (ctype)v;                                                                  \
        memcpy(to + (size_t)i * sizeof x, &x, sizeof x);                                           \
    }                                                                                              \
    break

/* Returns how many were stored before one that does not fit. */
static int64_t encode(unsigned char *to, const ss_nifti_type *t, const double *from, int64_t n,
                      bool floats)
{
    const double whole = 9007199254740992.0;
    int64_t i = 0;
    switch (t->name[0] * 8 + t->bytes) {
    case 'u' * 8 + 1:
        STORE(uint8_t, 0, UINT8_MAX);
    case 'u' * 8 + 2:
        STORE(uint16_t, 0, UINT16_MAX);
    case 'u' * 8 + 4:
        STORE(uint32_t, 0, UINT32_MAX);
    case 'u' * 8 + 8:
        STORE(uint64_t, 0, whole);
    case 'i' * 8 + 1:
        STORE(int8_t, INT8_MIN, INT8_MAX);
    case 'i' * 8 + 2:
        STORE(int16_t, INT16_MIN, INT16_MAX);
    case 'i' * 8 + 4:
        STORE(int32_t, INT32_MIN, INT32_MAX);
    case 'i' * 8 + 8:
        STORE(int64_t, -whole, whole);
    case 'f' * 8 + 4:
        for (; i < n; i++) {
            const float x = (float)from[i];
            if (!floats && (double)x != from[i]) break;
            memcpy(to + (size_t)i * sizeof x, &x, sizeof x);
        }
        break;
    default: /* f64, the last type of the table */
        memcpy(to, from, (size_t)n * sizeof *from);
        i = n;
    }
    return i;
}

static ss_status put_voxels(sink *k, const ss_view *v, const ss_nifti_type *t, ss_error *err)
{
    struct work {
        double value[SS_NIFTI_CHUNK];
        unsigned char bytes[SS_NIFTI_CHUNK * 8];
    } *w = malloc(sizeof *w);
    if (!w) return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", k->path);
    ss_status s = SS_OK;
    for (int64_t at = 0; !s && at < v->count; at += SS_NIFTI_CHUNK) {
        const int64_t n = ss_min64(SS_NIFTI_CHUNK, v->count - at);
        load(w->value, v, at, n);
        const int64_t good = encode(w->bytes, t, w->value, n, ss_is_float(v->dtype));
        if (good < n) {
            const int64_t i = at + good, nx = v->shape[v->ndim - 1], ny = v->shape[v->ndim - 2],
                          nz = v->shape[v->ndim - 3];
            s = ss_error_set(err, SS_E_DTYPE,
                             "%s: %g at voxel (z %lld, y %lld, x %lld) cannot be stored as %s",
                             k->path, w->value[good], (long long)(i / nx / ny % nz),
                             (long long)(i / nx % ny), (long long)(i % nx), t->name);
        } else {
            s = sink_put(k, w->bytes, (size_t)(n * t->bytes), false, err);
        }
    }
    free(w);
    return s;
}

/* ---- checks ---------------------------------------------------------------- */

/* *g: as given, less what no form uses. */
static ss_status check_geometry(ss_nifti_geom *g, const ss_view *v, const char *path, ss_error *err)
{
    ss_nifti probe = {.geom = *g};
    if (memcmp(g->magic, "ssgeom1", sizeof g->magic) || (g->version != 1 && g->version != 2))
        return ss_error_set(err, SS_E_ARG, "%s: the geometry was not made by this program", path);
    for (int i = 0; i < 3; i++) {
        const int64_t have = v->shape[v->ndim - 1 - i];
        if (g->dim[i] && g->dim[i] != have)
            return ss_error_set(
                err, SS_E_SHAPE,
                "%s: the volume is %lld x %lld x %lld (z y x); the image that gives "
                "the geometry is %lld x %lld x %lld",
                path, (long long)v->shape[v->ndim - 3], (long long)v->shape[v->ndim - 2],
                (long long)v->shape[v->ndim - 1], (long long)g->dim[2], (long long)g->dim[1],
                (long long)g->dim[0]);
        probe.geom.dim[i] = have;
    }
    ss_status s = ss_nifti_geom_resolve(&probe, path, err);
    if (!s) *g = probe.geom;
    return s;
}

static ss_status check_view(const ss_view *v, const char *path, ss_error *err)
{
    if (v->ndim < 3 || v->ndim > MAX_AXES)
        return ss_error_set(err, SS_E_SHAPE,
                            "%s: [z, y, x] with up to 4 axes in front is expected; "
                            "the tensor has %d axes",
                            path, v->ndim);
    for (int i = 0; i < v->ndim; i++)
        if (v->shape[i] < 1 || v->shape[i] > INT32_MAX)
            return ss_error_set(err, SS_E_SHAPE, "%s: axis %d has the size %lld; 1 to %d fit", path,
                                i + 1, (long long)v->shape[i], INT32_MAX);
    return SS_OK;
}

static ss_status choose_type(const ss_nifti_type **t, const char *stored, const ss_view *v,
                             const char *path, ss_error *err)
{
    if (!stored)
        stored = ss_is_float(v->dtype)                      ? "f32"
                 : v->dtype == SS_BOOL || v->dtype == SS_U8 ? "u8"
                                                            : "i32";
    *t = ss_nifti_type_named(stored);
    if (*t) return SS_OK;
    return ss_error_set(err, SS_E_DTYPE,
                        "%s: type %s; u8 i8 u16 i16 u32 i32 u64 i64 f32 f64 can be written", path,
                        stored);
}

ss_status ss_nifti_write(const char *path, const ss_view *v, const ss_nifti_geom *geom,
                         const char *stored, ss_error *err)
{
    unsigned char head[SS_NIFTI2_BYTES + SS_NIFTI_FLAG_BYTES] = {0};
    const ss_nifti_type *t;
    ss_nifti_geom g = *geom;
    const bool gz = ends_with(path, ".nii.gz");
    if (!gz && !ends_with(path, ".nii"))
        return ss_error_set(err, SS_E_ARG, "%s: the name must end in .nii or .nii.gz", path);
    ss_status s = check_view(v, path, err);
    if (!s) s = check_geometry(&g, v, path, err);
    if (!s) s = choose_type(&t, stored, v, path, err);
    if (s) return s;
    bool second = g.version == 2;
    for (int i = 0; i < v->ndim; i++) second |= v->shape[i] > INT16_MAX;
    const size_t head_bytes =
        (second ? header2(head, v, &g, t) : header1(head, v, &g, t)) + SS_NIFTI_FLAG_BYTES;
    sink *k = calloc(1, sizeof *k);
    if (!k) return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", path);
    k->path = path;
    k->gzip = gz;
    s = ss_file_create(&k->file, path,
                       gz ? 0 : head_bytes + (uint64_t)v->count * (uint64_t)t->bytes, err);
    if (!s && gz) {
        if (deflateInit2(&k->z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                         Z_DEFAULT_STRATEGY) == Z_OK)
            k->deflating = true;
        else
            s = ss_error_set(err, SS_E_NOMEM, "%s: out of memory", path);
    }
    if (!s) s = sink_put(k, head, head_bytes, false, err);
    if (!s) s = put_voxels(k, v, t, err);
    if (!s) s = sink_put(k, NULL, 0, true, err);
    if (k->deflating) deflateEnd(&k->z);
    if (s)
        ss_file_abort(k->file);
    else
        s = ss_file_commit(k->file, err);
    free(k);
    return s;
}
