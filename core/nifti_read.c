/* nifti_read.c — voxels: bounded reading, byte order, scaling and the two kinds of result (f32
 * images, integer labels). */
#include "nifti_parts.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRAILING = 1 << 16 }; /* bytes that may follow the voxels */
#define LABEL_ROUNDING 1e-4  /* of labels that the file scales by a float */

/* One conversion of up to SS_NIFTI_CHUNK stored elements to doubles, scaling applied. */
typedef struct decoder {
    const ss_nifti_type *type;
    bool swapped;
    double slope, inter;
    unsigned char raw[SS_NIFTI_CHUNK * 8];
    double value[SS_NIFTI_CHUNK];
} decoder;

static void swap_elements(unsigned char *p, int size, size_t n)
{
    if (size == 2)
        for (size_t i = 0; i < n; i++) {
            uint16_t v;
            memcpy(&v, p + 2 * i, 2);
            v = __builtin_bswap16(v);
            memcpy(p + 2 * i, &v, 2);
        }
    else if (size == 4)
        for (size_t i = 0; i < n; i++) {
            uint32_t v;
            memcpy(&v, p + 4 * i, 4);
            v = __builtin_bswap32(v);
            memcpy(p + 4 * i, &v, 4);
        }
    else if (size == 8)
        for (size_t i = 0; i < n; i++) {
            uint64_t v;
            memcpy(&v, p + 8 * i, 8);
            v = __builtin_bswap64(v);
            memcpy(p + 8 * i, &v, 8);
        }
}

#define WIDEN(ctype)                                                                               \
    for (size_t i = 0; i < n; i++) {                                                               \
        ctype v;                                                                                   \
        memcpy(&v, d->raw + i * sizeof v, sizeof v);                                               \
        d->value[i] = (double)v;                                                                   \
    }                                                                                              \
    break

static void decode(decoder *d, size_t n)
{
    if (d->swapped) swap_elements(d->raw, d->type->bytes, n);
    const char *t = d->type->name;
    switch (t[0] * 8 + d->type->bytes) {
    case 'u' * 8 + 1:
        WIDEN(uint8_t);
    case 'u' * 8 + 2:
        WIDEN(uint16_t);
    case 'u' * 8 + 4:
        WIDEN(uint32_t);
    case 'u' * 8 + 8:
        WIDEN(uint64_t);
    case 'i' * 8 + 1:
        WIDEN(int8_t);
    case 'i' * 8 + 2:
        WIDEN(int16_t);
    case 'i' * 8 + 4:
        WIDEN(int32_t);
    case 'i' * 8 + 8:
        WIDEN(int64_t);
    case 'f' * 8 + 4:
        WIDEN(float);
    default:
        WIDEN(double); /* f64, the last of the types that the header's check lets through */
    }
    if (d->slope != 1 || d->inter != 0)
        for (size_t i = 0; i < n; i++) d->value[i] = d->value[i] * d->slope + d->inter;
}

/* Position of element `at` for a sentence: voxel coordinates count from 0. */
static const char *where(char text[96], const ss_nifti *img, uint64_t at)
{
    const uint64_t nx = (uint64_t)img->geom.dim[0], ny = (uint64_t)img->geom.dim[1],
                   nz = (uint64_t)img->geom.dim[2];
    snprintf(text, 96, "(z %llu, y %llu, x %llu)", (unsigned long long)(at / nx / ny % nz),
             (unsigned long long)(at / nx % ny), (unsigned long long)(at % nx));
    return text;
}

typedef struct image_sum {
    double sum;     /* of the finite voxels */
    uint64_t first; /* a voxel that is not finite */
} image_sum;

static void image_chunk(ss_nifti *img, image_sum *m, const double *value, uint64_t at, size_t n)
{
    float *out = (float *)img->data + at;
    double sum = 0;
    int64_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = (float)value[i];
        const bool finite = isfinite(out[i]); /* a double may be too large for f32 */
        sum += finite ? (double)out[i] : 0;
        bad += !finite;
    }
    if (bad && img->nonfinite == 0)
        for (size_t i = n; i-- > 0;)
            if (!isfinite(out[i])) m->first = at + i;
    m->sum += sum;
    img->nonfinite += bad;
}

static ss_status image_end(ss_nifti *img, const image_sum *m, uint64_t n, const ss_nifti_how *how,
                           const char *name, ss_error *err)
{
    char text[96];
    float *x = img->data;
    if (img->nonfinite == 0) return SS_OK;
    if (how->nonfinite == SS_NIFTI_NF_ERROR)
        return ss_error_set(
            err, SS_E_FORMAT, "%s: %lld of %llu voxels are NaN or infinite, the first at %s", name,
            (long long)img->nonfinite, (unsigned long long)n, where(text, img, m->first));
    ss_nifti_warn(img, "%lld voxels are NaN or infinite, the first at %s",
                  (long long)img->nonfinite, where(text, img, m->first));
    if (how->nonfinite == SS_NIFTI_NF_KEEP) return SS_OK;
    const uint64_t good = n - (uint64_t)img->nonfinite;
    const float fill =
        how->nonfinite == SS_NIFTI_NF_MEAN && good ? (float)(m->sum / (double)good) : 0.0f;
    for (uint64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) x[i] = fill;
    return SS_OK;
}

static ss_status label_chunk(ss_nifti *img, int32_t *most, const double *value, uint64_t at,
                             size_t n, const char *name, ss_error *err)
{
    char text[96];
    int32_t *out = (int32_t *)img->data + at;
    const bool scaled = img->slope != 1 || img->inter != 0;
    for (size_t i = 0; i < n; i++) {
        const double v = value[i], r = scaled ? nearbyint(v) : trunc(v);
        if (!(r >= 0 && r <= (double)INT32_MAX && fabs(v - r) <= (scaled ? LABEL_ROUNDING : 0)))
            return ss_error_set(err, SS_E_FORMAT,
                                "%s: label %g at voxel %s; whole numbers from 0 on are expected",
                                name, v, where(text, img, at + i));
        out[i] = (int32_t)r;
        if (out[i] > *most) *most = out[i];
    }
    return SS_OK;
}

/* Labels up to 255 are kept as bytes. */
static void narrow_labels(ss_nifti *img, int32_t most, uint64_t n)
{
    const int32_t *from = img->data;
    unsigned char *to = img->data;
    if (most > UINT8_MAX) return;
    for (uint64_t i = 0; i < n; i++) { /* in place: element i is read before byte i is written */
        const int32_t v = from[i];
        to[i] = (unsigned char)v;
    }
    void *less = realloc(img->data, n);
    if (less) img->data = less;
    img->dtype = SS_U8;
}

static ss_status read_voxels(ss_nifti *img, const ss_nifti_head *h, ss_stream *in, uint64_t n,
                             const ss_nifti_how *how, const char *name, ss_error *err)
{
    decoder *d = malloc(sizeof *d);
    image_sum m = {0};
    int32_t most = 0;
    ss_status s = SS_OK;
    img->dtype = how->label ? SS_I32 : SS_F32;
    img->data = malloc((size_t)n * 4);
    if (!d || !img->data) {
        free(d);
        return ss_error_set(err, SS_E_NOMEM, "%s: out of memory (%llu bytes for %llu voxels)", name,
                            (unsigned long long)n * 4, (unsigned long long)n);
    }
    d->type = h->type;
    d->swapped = h->swapped;
    d->slope = img->slope;
    d->inter = img->inter;
    for (uint64_t at = 0; !s && at < n; at += SS_NIFTI_CHUNK) {
        const size_t k = n - at < SS_NIFTI_CHUNK ? (size_t)(n - at) : SS_NIFTI_CHUNK;
        s = ss_stream_read(in, d->raw, k * (size_t)h->type->bytes, err);
        if (s) break;
        decode(d, k);
        if (how->label)
            s = label_chunk(img, &most, d->value, at, k, name, err);
        else
            image_chunk(img, &m, d->value, at, k);
    }
    free(d);
    if (s) return s;
    if (!how->label) return image_end(img, &m, n, how, name, err);
    narrow_labels(img, most, n);
    if (img->slope != 1 || img->inter != 0) ss_nifti_warn(img, "scaled labels were rounded");
    return SS_OK;
}

/* What will be read, compared with limits and with what the file can hold. */
static ss_status check_extent(const ss_nifti *img, const ss_nifti_head *h, ss_stream *in,
                              const ss_nifti_how *how, uint64_t *bytes, const char *name,
                              ss_error *err)
{
    const int64_t limit = how->max_voxels > 0 ? how->max_voxels : SS_NIFTI_MAX_VOXELS;
    int64_t all;
    uint64_t end;
    if (__builtin_mul_overflow(h->voxels, img->volumes, &all) || all > INT64_MAX / 64)
        return ss_error_set(err, SS_E_FORMAT, "%s: the product of the dimensions overflows", name);
    *bytes = (uint64_t)all * (uint64_t)h->type->bytes;
    if (how->volume < 0 || how->volume > img->volumes)
        return ss_error_set(err, SS_E_ARG, "%s: volume %lld is wanted; the file holds %lld", name,
                            (long long)how->volume, (long long)img->volumes);
    const int64_t wanted = how->volume ? h->voxels : all;
    if (wanted > limit)
        return ss_error_set(
            err, SS_E_FORMAT,
            "%s: %lld voxels (%lld x %lld x %lld, %lld volumes) would need %.3g GB; "
            "the limit is %lld voxels",
            name, (long long)wanted, (long long)h->dim[0], (long long)h->dim[1],
            (long long)h->dim[2], (long long)img->volumes, 4e-9 * (double)wanted, (long long)limit);
    end = h->offset + *bytes; /* both far below 2^63 */
    const uint64_t most = ss_stream_most(in);
    if (end > most)
        return ss_error_set(
            err, SS_E_FORMAT,
            "%s: the voxels need %llu bytes from %llu on; the %sfile can hold %s%llu", name,
            (unsigned long long)*bytes, (unsigned long long)h->offset,
            ss_stream_is_gzip(in) ? "gzip " : "", ss_stream_is_gzip(in) ? "at most " : "",
            (unsigned long long)most);
    return SS_OK;
}

static ss_status read_body(ss_nifti *img, const ss_nifti_head *h, ss_stream *in,
                           const ss_nifti_how *how, const char *name, ss_error *err)
{
    uint64_t bytes = 0, left, volume = (uint64_t)h->voxels * (uint64_t)h->type->bytes;
    ss_status s = check_extent(img, h, in, how, &bytes, name, err);
    if (s) return s;
    uint64_t before = 0, n = bytes / (uint64_t)h->type->bytes;
    if (how->volume) {
        before = (uint64_t)(how->volume - 1) * volume;
        n = (uint64_t)h->voxels;
        for (int i = 0; i < 3; i++) img->shape[i] = h->dim[2 - i];
        img->ndim = 3;
    }
    s = h->pair ? ss_stream_skip(in, h->offset, err) : ss_nifti_head_pass(h, img, in, name, err);
    if (s || how->header_only) return s;
    s = ss_stream_skip(in, before, err);
    if (!s) s = read_voxels(img, h, in, n, how, name, err);
    if (!s && how->volume) s = ss_stream_skip(in, bytes - before - volume, err);
    if (!s) s = ss_stream_end(in, TRAILING, &left, err);
    if (!s && left)
        ss_nifti_warn(img, "%llu bytes follow the voxels; not used", (unsigned long long)left);
    return s;
}

static bool ends_with(const char *path, const char *end)
{
    const size_t n = strlen(path), k = strlen(end);
    return n > k && !strcmp(path + n - k, end);
}

/* Path of the other half of a pair: the ending .hdr or .img with `gz` or without. NULL without
 * memory. */
static char *sibling(const char *path, const char *ending, bool gz)
{
    size_t n = strlen(path) - (ends_with(path, ".gz") ? 3 : 0) - 4;
    char *p = malloc(n + sizeof ".img.gz");
    if (!p) return NULL;
    memcpy(p, path, n);
    snprintf(p + n, sizeof ".img.gz", "%s%s", ending, gz ? ".gz" : "");
    return p;
}

static ss_status open_sibling(ss_stream **in, char **found, const char *path, const char *ending,
                              ss_error *err)
{
    const bool gz = ends_with(path, ".gz");
    ss_error first = {0};
    for (int i = 0; i < 2; i++) {
        char *p = sibling(path, ending, i == 0 ? gz : !gz);
        if (!p) return ss_error_set(err, SS_E_NOMEM, "%s: out of memory", path);
        if (ss_stream_open(in, p, i == 0 ? &first : NULL) == SS_OK) {
            *found = p;
            return SS_OK;
        }
        free(p);
    }
    return ss_error_set(err, first.status, "%s: the other file of the pair is missing: %.300s",
                        path, first.msg);
}

static ss_status finish(ss_nifti *img, ss_status s)
{
    if (s) {
        free(img->data);
        *img = (ss_nifti){0};
    }
    return s;
}

static void note_compression(ss_nifti *img, const ss_stream *in, const char *path)
{
    if (ss_stream_is_gzip(in) != ends_with(path, ".gz"))
        ss_nifti_warn(img, "%s",
                      ss_stream_is_gzip(in)
                          ? "the contents are gzip although the name has no .gz"
                          : "the contents are not compressed although the name has .gz");
}

static ss_status read_pair(ss_nifti *img, const char *path, const ss_nifti_how *how, ss_error *err)
{
    const bool given_image = ends_with(path, ".img") || ends_with(path, ".img.gz");
    char *head_path = NULL, *data_path = NULL;
    ss_stream *head = NULL, *data = NULL;
    ss_nifti_head h;
    uint64_t left;
    ss_status s = given_image ? open_sibling(&head, &head_path, path, ".hdr", err)
                              : ss_stream_open(&head, path, err);
    const char *name = head_path ? head_path : path;
    if (!s) s = ss_nifti_head_read(&h, img, head, name, err);
    if (!s && !h.pair)
        s = ss_error_set(err, SS_E_FORMAT,
                         "%s: the magic n+%d belongs to a single .nii file, not to a pair", name,
                         img->geom.version);
    if (!s) s = ss_stream_end(head, 1 << 24, &left, err);
    if (!s) {
        s = given_image ? ss_stream_open(&data, path, err)
                        : open_sibling(&data, &data_path, path, ".img", err);
        if (!s) s = read_body(img, &h, data, how, data_path ? data_path : path, err);
    }
    ss_stream_close(head);
    ss_stream_close(data);
    free(head_path);
    free(data_path);
    return finish(img, s);
}

static ss_status read_single(ss_nifti *img, ss_stream *in, const char *name,
                             const ss_nifti_how *how, ss_error *err)
{
    ss_nifti_head h;
    ss_status s = ss_nifti_head_read(&h, img, in, name, err);
    if (!s && h.pair)
        s = ss_error_set(err, SS_E_FORMAT,
                         "%s: the magic ni%d belongs to a .hdr/.img pair, not to a single file",
                         name, img->geom.version);
    if (!s) s = read_body(img, &h, in, how, name, err);
    return s;
}

static const ss_nifti_how defaults = {0};

ss_status ss_nifti_read(ss_nifti *img, const char *path, const ss_nifti_how *how, ss_error *err)
{
    ss_stream *in = NULL;
    *img = (ss_nifti){0};
    if (!how) how = &defaults;
    if (ends_with(path, ".hdr") || ends_with(path, ".hdr.gz") || ends_with(path, ".img") ||
        ends_with(path, ".img.gz"))
        return read_pair(img, path, how, err);
    ss_status s = ss_stream_open(&in, path, err);
    if (!s) note_compression(img, in, path);
    if (!s) s = read_single(img, in, path, how, err);
    ss_stream_close(in);
    return finish(img, s);
}

ss_status ss_nifti_parse(ss_nifti *img, const char *name, const void *p, size_t n,
                         const ss_nifti_how *how, ss_error *err)
{
    ss_stream *in = NULL;
    *img = (ss_nifti){0};
    ss_status s = ss_stream_memory(&in, name, p, n, err);
    if (!s) s = read_single(img, in, name, how ? how : &defaults, err);
    ss_stream_close(in);
    return finish(img, s);
}

void ss_nifti_free(ss_nifti *img)
{
    free(img->data);
    *img = (ss_nifti){0};
}
