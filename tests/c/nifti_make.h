/* nifti_make.h — builds small NIfTI files in memory, field by field at the standard's offsets. */
#ifndef SEMISAM_NIFTI_MAKE_H
#define SEMISAM_NIFTI_MAKE_H
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

typedef struct raw {
    unsigned char b[4096];
    size_t n;
    bool big; /* numbers are stored big endian */
} raw;

static inline void raw_put(raw *r, size_t at, const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        r->b[at + i] = ((const unsigned char *)p)[r->big ? n - 1 - i : i];
}
static inline void raw_i16(raw *r, size_t at, int64_t v)
{
    const int16_t x = (int16_t)v;
    raw_put(r, at, &x, sizeof x);
}
static inline void raw_i32(raw *r, size_t at, int64_t v)
{
    const int32_t x = (int32_t)v;
    raw_put(r, at, &x, sizeof x);
}
static inline void raw_i64(raw *r, size_t at, int64_t v)
{
    raw_put(r, at, &v, sizeof v);
}
static inline void raw_f32(raw *r, size_t at, double v)
{
    const float x = (float)v;
    raw_put(r, at, &x, sizeof x);
}
static inline void raw_f64(raw *r, size_t at, double v)
{
    raw_put(r, at, &v, sizeof v);
}

/* 4 x 3 x 2 voxels of `bits` bits and type `code`; spacing 0.5, 1, 2 mm; sform = qform (code 1).
 * The voxels are zero: room for them is in the file. */
static inline void raw_nifti1(raw *r, bool big, int code, int bits)
{
    memset(r, 0, sizeof *r);
    r->big = big;
    raw_i32(r, 0, 348);
    static const int dim[8] = {3, 4, 3, 2, 1, 1, 1, 1};
    static const double pixdim[8] = {1, 0.5, 1, 2, 1, 1, 1, 1};
    for (size_t i = 0; i < 8; i++) {
        raw_i16(r, 40 + 2 * i, dim[i]);
        raw_f32(r, 76 + 4 * i, pixdim[i]);
    }
    raw_i16(r, 70, code);
    raw_i16(r, 72, bits);
    raw_f32(r, 108, 352);
    raw_f32(r, 112, 1);
    r->b[123] = 2;
    raw_i16(r, 252, 1);
    raw_i16(r, 254, 1);
    for (size_t i = 0; i < 3; i++) {
        raw_f32(r, 268 + 4 * i, 10.0 * (double)i - 5);
        raw_f32(r, 280 + 16 * i + 4 * i, pixdim[i + 1]);
        raw_f32(r, 280 + 16 * i + 12, 10.0 * (double)i - 5);
    }
    memcpy(r->b + 344, "n+1", 4);
    r->n = 352 + 24 * (size_t)bits / 8;
}

static inline void raw_nifti2(raw *r, bool big, int code, int bits)
{
    memset(r, 0, sizeof *r);
    r->big = big;
    raw_i32(r, 0, 540);
    memcpy(r->b + 4, "n+2\0\r\n\032\n", 8);
    raw_i16(r, 12, code);
    raw_i16(r, 14, bits);
    static const int dim[8] = {3, 4, 3, 2, 1, 1, 1, 1};
    static const double pixdim[8] = {1, 0.5, 1, 2, 1, 1, 1, 1};
    for (size_t i = 0; i < 8; i++) {
        raw_i64(r, 16 + 8 * i, dim[i]);
        raw_f64(r, 104 + 8 * i, pixdim[i]);
    }
    raw_i64(r, 168, 544);
    raw_f64(r, 176, 1);
    raw_i32(r, 344, 1);
    raw_i32(r, 348, 1);
    for (size_t i = 0; i < 3; i++) {
        raw_f64(r, 376 + 8 * i, 10.0 * (double)i - 5);
        raw_f64(r, 400 + 32 * i + 8 * i, pixdim[i + 1]);
        raw_f64(r, 400 + 32 * i + 24, 10.0 * (double)i - 5);
    }
    raw_i32(r, 500, 2);
    r->n = 544 + 24 * (size_t)bits / 8;
}

/* gzip of n bytes; *size is its length. The caller frees it. */
static inline unsigned char *gzip(const void *p, size_t n, size_t *size)
{
    z_stream z;
    memset(&z, 0, sizeof z);
    if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return NULL;
    const size_t room = deflateBound(&z, (uLong)n) + 64;
    unsigned char *out = malloc(room);
    z.next_in = (Bytef *)p;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)room;
    deflate(&z, Z_FINISH);
    *size = z.total_out;
    deflateEnd(&z);
    return out;
}
#endif
