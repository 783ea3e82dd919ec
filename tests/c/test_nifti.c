/* test_nifti.c — what is read, what is refused and with which words. Sweeps over all fields,
 * prefixes and bit flips are in test_nifti_sweep.c; writing in test_nifti_write.c. */
#include "nifti.h"
#include "nifti_make.h"
#include "t.h"

enum { VOXELS = 24 };

static void check_values(const ss_nifti *img, const double *want)
{
    for (int i = 0; i < VOXELS; i++)
        T_NEAR((double)((const float *)img->data)[i], want[i], 1e-6 * fabs(want[i]));
}

/* Store v as type t at element i. */
static void put_value(raw *r, size_t base, int i, char kind, int bytes, double v)
{
    const size_t at = base + (size_t)(i * bytes);
    const int64_t k = kind == 'f' ? 0 : (int64_t)v;
    if (kind == 'f' && bytes == 4)
        raw_f32(r, at, v);
    else if (kind == 'f')
        raw_f64(r, at, v);
    else if (bytes == 1)
        r->b[at] = (unsigned char)k;
    else if (bytes == 2)
        raw_i16(r, at, k);
    else if (bytes == 4)
        raw_i32(r, at, k);
    else
        raw_i64(r, at, k);
}

static void one_type(int code, char kind, int bytes, bool big, int version, bool packed)
{
    raw r;
    ss_nifti img;
    ss_error err = {0};
    double want[VOXELS];
    (version == 1 ? raw_nifti1 : raw_nifti2)(&r, big, code, 8 * bytes);
    for (int i = 0; i < VOXELS; i++) {
        want[i] = kind == 'u' ? 10 * i + 7 : kind == 'i' ? 9 * i - 100 : 0.37 * i - 3.1;
        if (kind == 'f') want[i] = (double)(float)want[i];
        put_value(&r, version == 1 ? 352 : 544, i, kind, bytes, want[i]);
    }
    size_t n = r.n;
    unsigned char *gz = packed ? gzip(r.b, r.n, &n) : NULL;
    if (T_INT(ss_nifti_parse(&img, "x", packed ? gz : r.b, n, NULL, &err), SS_OK)) {
        T_INT(img.dtype, SS_F32);
        T_INT(img.ndim, 3);
        T_INT(img.shape[0] * 100 + img.shape[1] * 10 + img.shape[2], 234);
        check_values(&img, want);
        T_INT(img.warnings.n, 0);
        T_NEAR(img.spacing[0], 0.5, 0);
        T_NEAR(img.spacing[2], 2, 0);
        T_NEAR(img.affine[1][3], 5, 0);
        T_STR(img.axes, "RAS");
        ss_nifti_free(&img);
    } else {
        printf("  %s\n", err.msg);
    }
    free(gz);
}

static void test_types(void)
{
    static const struct {
        int code;
        char kind;
        int bytes;
    } t[] = {{2, 'u', 1}, {256, 'i', 1},  {512, 'u', 2},  {4, 'i', 2},  {768, 'u', 4},
             {8, 'i', 4}, {1280, 'u', 8}, {1024, 'i', 8}, {16, 'f', 4}, {64, 'f', 8}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        for (int k = 0; k < 8; k++)
            one_type(t[i].code, t[i].kind, t[i].bytes, k & 1, 1 + (k >> 1 & 1), k & 4);
}

static void test_scaling(void)
{
    raw r;
    ss_nifti img;
    raw_nifti1(&r, false, 4, 16);
    for (int i = 0; i < VOXELS; i++) raw_i16(&r, 352 + 2 * (size_t)i, i - 5);
    raw_f32(&r, 112, 0.25);
    raw_f32(&r, 116, -7);
    if (T_INT(ss_nifti_parse(&img, "x", r.b, r.n, NULL, NULL), SS_OK)) {
        for (int i = 0; i < VOXELS; i++)
            T_NEAR((double)((float *)img.data)[i], (i - 5) * 0.25 - 7, 0);
        ss_nifti_free(&img);
    }
    raw_f32(&r, 112, 0); /* slope 0: no scaling, whatever the intercept */
    raw_f32(&r, 116, 5);
    if (T_INT(ss_nifti_parse(&img, "x", r.b, r.n, NULL, NULL), SS_OK)) {
        T_NEAR((double)((float *)img.data)[0], -5, 0);
        T_INT(img.warnings.n, 1);
        T_HAS(img.warnings.text[0], "scl_inter 5 is not applied");
        ss_nifti_free(&img);
    }
    raw_f32(&r, 112, NAN);
    raw_f32(&r, 116, NAN);
    if (T_INT(ss_nifti_parse(&img, "x", r.b, r.n, NULL, NULL), SS_OK)) {
        T_HAS(img.warnings.text[0], "taken as no scaling");
        ss_nifti_free(&img);
    }
}

static void test_labels(void)
{
    raw r;
    ss_nifti img;
    ss_error err = {0};
    const ss_nifti_how label = {.label = true};
    raw_nifti1(&r, true, 16, 32);
    for (int i = 0; i < VOXELS; i++) raw_f32(&r, 352 + 4 * (size_t)i, i % 4);
    if (T_INT(ss_nifti_parse(&img, "x", r.b, r.n, &label, &err), SS_OK)) {
        T_INT(img.dtype, SS_U8);
        for (int i = 0; i < VOXELS; i++) T_INT(((uint8_t *)img.data)[i], i % 4);
        ss_nifti_free(&img);
    }
    raw_f32(&r, 352 + 4 * 17, 70000);
    if (T_INT(ss_nifti_parse(&img, "x", r.b, r.n, &label, &err), SS_OK)) {
        T_INT(img.dtype, SS_I32);
        T_INT(((int32_t *)img.data)[17], 70000);
        T_INT(((int32_t *)img.data)[18], 2);
        ss_nifti_free(&img);
    }
    static const double bad[] = {1.5, -1, NAN, INFINITY, 3e9};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        raw_f32(&r, 352 + 4 * 17, bad[i]);
        T_INT(ss_nifti_parse(&img, "x", r.b, r.n, &label, &err), SS_E_FORMAT);
        T_HAS(err.msg, "at voxel (z 1, y 1, x 1); whole numbers from 0 on are expected");
        T_OK(img.data == NULL);
    }
    raw_f32(&r, 352 + 4 * 17, 1);
    raw_f32(&r, 112, 1.0 / 3); /* 0, 1/3, 2/3, 1 */
    T_INT(ss_nifti_parse(&img, "x", r.b, r.n, &label, &err), SS_E_FORMAT);
    for (int i = 0; i < VOXELS; i++) raw_f32(&r, 352 + 4 * (size_t)i, 3 * (i % 4));
    if (T_INT(ss_nifti_parse(&img, "x", r.b, r.n, &label, &err), SS_OK)) {
        T_INT(((uint8_t *)img.data)[7], 3); /* 9 * float(1/3) is not quite 3 */
        ss_nifti_free(&img);
    }
}

static void test_nonfinite(void)
{
    raw r;
    ss_nifti img;
    ss_error err = {0};
    raw_nifti1(&r, false, 16, 32);
    for (int i = 0; i < VOXELS; i++) raw_f32(&r, 352 + 4 * (size_t)i, 2);
    raw_f32(&r, 352 + 4 * 13, NAN);
    raw_f32(&r, 352 + 4 * 20, -INFINITY);
    T_INT(ss_nifti_parse(&img, "x", r.b, r.n, NULL, &err), SS_E_FORMAT);
    T_HAS(err.msg, "2 of 24 voxels are NaN or infinite, the first at (z 1, y 0, x 1)");
    static const double want[] = {0, 0, 2, NAN};
    for (int p = SS_NIFTI_NF_ZERO; p <= SS_NIFTI_NF_KEEP; p++) {
        const ss_nifti_how how = {.nonfinite = p};
        if (!T_INT(ss_nifti_parse(&img, "x", r.b, r.n, &how, &err), SS_OK)) continue;
        T_NEAR((double)((float *)img.data)[13], want[p], 0);
        T_NEAR((double)((float *)img.data)[12], 2, 0);
        T_INT(img.nonfinite, 2);
        ss_nifti_free(&img);
    }
    raw_nifti1(&r, false, 64, 64);
    raw_f64(&r, 352 + 8 * 3, 1e300); /* finite, but not as f32 */
    T_INT(ss_nifti_parse(&img, "x", r.b, r.n, NULL, &err), SS_E_FORMAT);
    T_HAS(err.msg, "1 of 24");
}

static void test_volumes(void)
{
    raw r;
    ss_nifti img;
    ss_error err = {0};
    raw_nifti1(&r, false, 2, 8);
    raw_i16(&r, 40, 5);
    raw_i16(&r, 48, 1);
    raw_i16(&r, 50, 3);
    r.n = 352 + 72;
    for (int i = 0; i < 72; i++) r.b[352 + i] = (unsigned char)i;
    if (T_INT(ss_nifti_parse(&img, "x", r.b, r.n, NULL, &err), SS_OK)) {
        T_INT(img.ndim, 4); /* the axis of size 1 is dropped */
        T_INT(img.shape[0], 3);
        T_INT(img.volumes, 3);
        T_NEAR((double)((float *)img.data)[50], 50, 0);
        ss_nifti_free(&img);
    }
    size_t n;
    unsigned char *gz = gzip(r.b, r.n, &n);
    for (int v = 1; v <= 4; v++) {
        const ss_nifti_how how = {.volume = v};
        const ss_status s = ss_nifti_parse(&img, "x", gz, n, &how, &err);
        if (v == 4) {
            T_INT(s, SS_E_ARG);
            T_HAS(err.msg, "volume 4 is wanted; the file holds 3");
        } else if (T_INT(s, SS_OK)) {
            T_INT(img.ndim, 3);
            T_INT(img.shape[0], 2);
            T_NEAR((double)((float *)img.data)[5], (v - 1) * 24 + 5, 0);
            ss_nifti_free(&img);
        }
    }
    gz[n - 5] ^= 1; /* CRC: checked although the first volume lies long before the end */
    T_INT(ss_nifti_parse(&img, "x", gz, n, &(ss_nifti_how){.volume = 1}, &err), SS_E_FORMAT);
    free(gz);
}

static void test_geometry(void)
{
    raw r;
    ss_nifti img;
    ss_error err = {0};
    raw_nifti1(&r, false, 2, 8);
    raw_i16(&r, 254, 0); /* qform only: 90 degrees about z, x to y */
    raw_f32(&r, 264, 0.70710678);
    raw_f32(&r, 76, -1); /* qfac turns the third axis */
    if (T_INT(ss_nifti_parse(&img, "x", r.b, r.n, NULL, &err), SS_OK)) {
        T_INT(img.source, SS_NIFTI_QFORM);
        T_NEAR(img.affine[1][0], 0.5, 1e-6);
        T_NEAR(img.affine[0][1], -1, 1e-6);
        T_NEAR(img.affine[2][2], -2, 1e-6);
        T_NEAR(img.affine[2][3], 15, 0);
        T_STR(img.axes, "ALI");
        ss_nifti_free(&img);
    }
    raw_i16(&r, 254, 1);
    if (T_INT(ss_nifti_parse(&img, "x", r.b, r.n, NULL, &err), SS_OK)) {
        T_HAS(img.warnings.text[0], "sform and qform differ by");
        T_STR(img.axes, "RAS");
        ss_nifti_free(&img);
    }
    raw_i16(&r, 252, 0);
    raw_i16(&r, 254, 0);
    if (T_INT(ss_nifti_parse(&img, "x", r.b, r.n, NULL, &err), SS_OK)) {
        T_INT(img.source, SS_NIFTI_PIXDIM);
        T_HAS(img.warnings.text[0], "orientation unknown");
        T_NEAR(img.spacing[0], 0.5, 0);
        ss_nifti_free(&img);
    }
    raw_nifti1(&r, false, 2, 8);
    r.b[123] = 3; /* micrometres */
    T_INT(ss_nifti_parse(&img, "x", r.b, r.n, NULL, &err), SS_E_FORMAT);
    T_HAS(err.msg, "the sform has a spacing of 0.0005 mm along x");
    r.b[123] = 1; /* metres: 0.5, 1 and 2 m are not believed */
    T_INT(ss_nifti_parse(&img, "x", r.b, r.n, NULL, &err), SS_E_FORMAT);
    for (size_t i = 0; i < 3; i++) raw_f32(&r, 280 + 20 * i, 5e-4);
    raw_i16(&r, 252, 0);
    if (T_INT(ss_nifti_parse(&img, "x", r.b, r.n, NULL, &err), SS_OK)) {
        T_NEAR(img.spacing[1], 0.5, 1e-7);
        T_NEAR(img.affine[0][3], -5000, 0);
        ss_nifti_free(&img);
    }
}

/* One mistake per row: {file kind, offset, type, value, words of the refusal}. */
static void test_refused(void)
{
    static const struct {
        int version;
        char kind; /* b, h: i16, i: i32, q: i64, f: f32, d: f64, n: length of the file */
        size_t at;
        double value;
        const char *part;
    } c[] = {
        {1, 'n', 0, 0, "ends after 0 bytes; 348 are needed"},
        {1, 'n', 0, 100, "ends after 100 bytes; 348 are needed"},
        {1, 'n', 0, 348, "the voxels need 24 bytes from 352 on; the file can hold 348"},
        {1, 'n', 0, 375, "the voxels need 24 bytes from 352 on; the file can hold 375"},
        {1, 'i', 0, 0, "sizeof_hdr is 0; 348 or 540 is expected"},
        {1, 'i', 0, 347, "sizeof_hdr is 347"},
        {1, 'h', 40, 768, "dim[0] is 768; 1 to 7 is expected (valid only in the byte order"},
        {2, 'q', 16, 200, "dim[0] is 200"},
        {2, 'q', 16, -200, "dim[0] is -200"},
        {2, 'q', 16, 1e12, "dim[0] is 1000000000000"},
        {1, 'h', 40, 0, "dim[0] is 0"},
        {1, 'h', 44, -4, "dim[2] is -4; 1 to 32767 is expected"},
        {1, 'h', 46, 0, "dim[3] is 0"},
        {1, 'f', 108, 1e9, "vox_offset is 1e+09"},
        {1, 'f', 108, 1e6, "the voxels need 24 bytes from 1000000 on"},
        {1, 'f', 108, 0, "vox_offset is 0; a whole number from 352"},
        {1, 'f', 108, 100, "vox_offset is 100"},
        {1, 'f', 108, NAN, "vox_offset is nan"},
        {1, 'f', 108, INFINITY, "vox_offset is inf"},
        {1, 'f', 108, 3e9, "vox_offset is 3e+09"},
        {1, 'f', 108, 352.5, "vox_offset is 352.5"},
        {1, 'f', 108, -1, "vox_offset is -1"},
        {2, 'q', 168, -100, "vox_offset is -100; a whole number from 544"},
        {1, 'h', 70, 0, "datatype 0 (not a type of the standard)"},
        {1, 'h', 70, 1, "datatype 1 (single bits)"},
        {1, 'h', 70, 9999, "datatype 9999"},
        {1, 'h', 70, 128, "datatype 128 (RGB colours) is not supported for images"},
        {1, 'h', 70, 32, "datatype 32 (complex numbers)"},
        {1, 'h', 70, 1536, "datatype 1536 (128-bit floats)"},
        {1, 'h', 72, 64, "bitpix is 64; datatype 2 (u8) has 8"},
        {1, 'i', 344, 0, "an ANALYZE header (no NIfTI magic)"},
        {1, 'i', 344, 0x31696e, "the magic ni1 belongs to a .hdr/.img pair"},
        {1, 'i', 344, 0x392b6e, "the magic is 6e 2b 39 00; n+1 or ni1 is expected"},
        {2, 'i', 8, 0, "n+2 or ni2 is expected"},
        {1, 'f', 112, NAN, "scl_slope is nan and scl_inter is 0; finite"},
        {1, 'f', 112, INFINITY, "scl_slope is inf"},
        {1, 'f', 116, -INFINITY, "scl_inter is -inf"},
        {1, 'f', 280, NAN, "srow_x[0] of the sform is nan"},
        {1, 'f', 284, 1e38, "the sform has a spacing of 1e+38 mm along y"},
        {1, 'f', 280, 0, "the sform has a spacing of 0 mm along x; 0.001 to 1000 is accepted"},
        {1, 'h', 254, 99, "sform_code is 99; 0 to 5 are defined"},
        {1, 'h', 252, -1, "qform_code is -1"},
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        raw r;
        ss_nifti img;
        ss_error err = {0};
        (c[i].version == 1 ? raw_nifti1 : raw_nifti2)(&r, false, 2, 8);
        const double v = c[i].value;
        if (c[i].kind == 'n') r.n = (size_t)v;
        if (c[i].kind == 'h') raw_i16(&r, c[i].at, (int64_t)v);
        if (c[i].kind == 'i') raw_i32(&r, c[i].at, (int64_t)v);
        if (c[i].kind == 'q') raw_i64(&r, c[i].at, (int64_t)v);
        if (c[i].kind == 'f') raw_f32(&r, c[i].at, v);
        if (!T_INT(ss_nifti_parse(&img, "some.nii", r.b, r.n, NULL, &err), SS_E_FORMAT))
            printf("  row %zu\n", i);
        T_HAS(err.msg, c[i].part);
        T_HAS(err.msg, "some.nii: ");
        T_OK(img.data == NULL);
        ss_nifti_free(&img);
    }
}

static void test_qform_refused(void)
{
    static const struct {
        size_t at;
        double value;
        const char *part;
    } c[] = {
        {80, 0, "pixdim[1] is 0; a spacing above 0 is needed"},
        {84, NAN, "pixdim[2] is nan"},
        {88, -2, "pixdim[3] is -2"},
        {256, NAN, "quatern_b is nan"},
        {260, 2, "squared length 4"},
        {272, INFINITY, "qoffset_y is inf"},
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++)
        for (int with_sform = 0; with_sform < 2; with_sform++) {
            raw r;
            ss_nifti img;
            ss_error err = {0};
            raw_nifti1(&r, false, 2, 8);
            raw_i16(&r, 254, with_sform);
            raw_f32(&r, c[i].at, c[i].value);
            const ss_status s = ss_nifti_parse(&img, "x", r.b, r.n, NULL, &err);
            if (with_sform && T_INT(s, SS_OK)) {
                T_HAS(img.warnings.text[0], "qform ignored");
                T_HAS(img.warnings.text[0], c[i].part);
                T_INT(img.geom.qform_code, 0);
            } else if (!with_sform) {
                T_INT(s, SS_E_FORMAT);
                T_HAS(err.msg, c[i].part);
            }
            ss_nifti_free(&img);
        }
}

static void test_limits(void)
{
    raw r;
    ss_nifti img;
    ss_error err = {0};
    raw_nifti1(&r, false, 64, 64);
    for (size_t i = 42; i < 48; i += 2) raw_i16(&r, i, 32767);
    T_INT(ss_nifti_parse(&img, "x", r.b, r.n, NULL, &err), SS_E_FORMAT);
    T_HAS(err.msg, "would need 1.41e+05 GB; the limit is 536870912 voxels");
    raw_i16(&r, 40, 7);
    for (size_t i = 42; i < 56; i += 2) raw_i16(&r, i, 32767);
    T_INT(ss_nifti_parse(&img, "x", r.b, r.n, NULL, &err), SS_E_FORMAT);
    T_HAS(err.msg, "the product of the dimensions overflows");
    static const double wrap[][3] = {{64, 536838145, 536903681}, {1073741824, 2147483647, 1}};
    for (int i = 0; i < 2; i++) {
        raw_nifti2(&r, false, 64, 64);
        for (size_t k = 0; k < 3; k++) raw_i64(&r, 24 + 8 * k, (int64_t)wrap[i][k]);
        T_INT(ss_nifti_parse(&img, "x", r.b, r.n, NULL, &err), SS_E_FORMAT);
    }
    raw_nifti2(&r, false, 2, 8);
    for (size_t k = 1; k < 8; k++) raw_i64(&r, 16 + 8 * k, 2147483647);
    raw_i64(&r, 16, 7);
    T_INT(ss_nifti_parse(&img, "x", r.b, r.n, NULL, &err), SS_E_FORMAT);
    T_HAS(err.msg, "overflows");
    raw_nifti1(&r, false, 2, 8);
    T_INT(ss_nifti_parse(&img, "x", r.b, r.n, &(ss_nifti_how){.max_voxels = 23}, &err),
          SS_E_FORMAT);
    T_HAS(err.msg, "24 voxels (4 x 3 x 2, 1 volumes)");
}

int main(void)
{
    T_RUN(test_types);
    T_RUN(test_scaling);
    T_RUN(test_labels);
    T_RUN(test_nonfinite);
    T_RUN(test_volumes);
    T_RUN(test_geometry);
    T_RUN(test_refused);
    T_RUN(test_qform_refused);
    T_RUN(test_limits);
    return t_done();
}
