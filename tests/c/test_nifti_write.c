/* test_nifti_write.c — round trips, geometry carried bit for bit, pairs, refusals that leave
 * nothing behind. */
#include "file.h"
#include "nifti.h"
#include "nifti_make.h"
#include "t.h"
#include <unistd.h>

static char dir[64] = "/tmp/ss-test-nifti-XXXXXX";
static char name[128];

static const char *at(const char *file)
{
    snprintf(name, sizeof name, "%s/%s", dir, file);
    return name;
}

static ss_view view(void *data, ss_dtype t, int ndim, const int64_t *shape)
{
    ss_view v = {.data = data, .dtype = t, .ndim = ndim, .count = 1, .present = true};
    for (int i = ndim - 1; i >= 0; i--) {
        v.shape[i] = shape[i];
        v.stride[i] = v.count;
        v.count *= shape[i];
    }
    return v;
}

static const int64_t small[] = {2, 3, 4};
static const double oblique[4][4] = {
    {0.3, -0.4, 0, 12.25}, {0.4, 0.3, 0, -7.5}, {0, 0, 0.8, 100}, {0, 0, 0, 1}};

static int entries(void)
{
    char **names;
    int n;
    if (ss_file_list(&names, &n, dir, NULL)) return -1;
    ss_file_free_list(names, n);
    return n;
}

static void round_trip(const char *file, const char *stored, ss_dtype dtype)
{
    ss_nifti_geom g;
    ss_nifti img;
    ss_error err = {0};
    float f[24];
    int32_t k[24];
    uint8_t b[24];
    for (int i = 0; i < 24; i++) {
        k[i] = i * 5;
        f[i] = (float)k[i];
        b[i] = (uint8_t)k[i];
    }
    ss_view v = view(dtype == SS_F32   ? (void *)f
                     : dtype == SS_I32 ? (void *)k
                                       : b,
                     dtype, 3, small);
    T_INT(ss_nifti_geom_from_affine(&g, oblique, NULL), SS_OK);
    if (!T_INT(ss_nifti_write(at(file), &v, &g, stored, &err), SS_OK)) {
        printf("  %s\n", err.msg);
        return;
    }
    if (T_INT(ss_nifti_read(&img, at(file), NULL, &err), SS_OK)) {
        T_INT(img.warnings.n, 0);
        T_STR(img.stored, stored            ? stored
                          : dtype == SS_F32 ? "f32"
                          : dtype == SS_I32 ? "i32"
                                            : "u8");
        for (int i = 0; i < 24; i++) T_NEAR((double)((float *)img.data)[i], i * 5, 0);
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 4; j++) T_NEAR(img.affine[i][j], oblique[i][j], 1e-6);
        T_INT(img.geom.qform_code, 1);
        ss_nifti_free(&img);
    }
}

static void test_types(void)
{
    static const char *const stored[] = {NULL,  "u8",  "i8",  "u16", "i16", "u32",
                                         "i32", "u64", "i64", "f32", "f64"};
    static const ss_dtype dtype[] = {SS_F32, SS_I32, SS_U8};
    for (size_t i = 0; i < sizeof stored / sizeof *stored; i++)
        for (size_t j = 0; j < 3; j++) {
            round_trip("a.nii", stored[i], dtype[j]);
            round_trip("a.nii.gz", stored[i], dtype[j]);
        }
}

/* Bytes 76..107 (pixdim), 123 (units), 252..327 (codes, quaternion, offsets, sform) of the header.
 */
static void check_same_geometry(const unsigned char *a, const unsigned char *b)
{
    T_OK(memcmp(a + 76, b + 76, 32) == 0);
    T_INT(b[123], a[123]);
    T_OK(memcmp(a + 252, b + 252, 76) == 0);
}

static void test_mask_like_image(void)
{
    raw r;
    ss_nifti img;
    ss_error err = {0};
    raw_nifti1(&r, false, 4, 16);
    for (size_t i = 0; i < 12; i++) raw_f32(&r, 280 + 4 * i, 0.1 * (double)(i * i % 7) - 0.25);
    raw_f32(&r, 256, 0.1234567);
    raw_f32(&r, 260, -0.7654321);
    raw_f32(&r, 76, -1);
    raw_i16(&r, 252, 2);
    raw_i16(&r, 254, 4);
    r.b[123] = 10;
    memcpy(r.b + 148, "patient name", 12); /* descrip: must not leave */
    ss_file_write(at("in.nii"), r.b, r.n, NULL);
    if (!T_INT(ss_nifti_read(&img, at("in.nii"), NULL, &err), SS_OK)) {
        printf("  %s\n", err.msg);
        return;
    }
    uint8_t mask[24] = {0, 1, 1};
    ss_view v = view(mask, SS_U8, 3, img.shape);
    T_INT(ss_nifti_write(at("mask.nii"), &v, &img.geom, NULL, &err), SS_OK);
    char *back;
    size_t n;
    T_INT(ss_file_read(&back, &n, at("mask.nii"), 4096, NULL), SS_OK);
    T_INT(n, 376);
    check_same_geometry(r.b, (unsigned char *)back);
    for (size_t i = 0; i + 7 < n; i++) T_OK(memcmp(back + i, "patient", 7) != 0);
    free(back);
    ss_nifti_free(&img);
}

static void test_nifti2_kept_exact(void)
{
    raw r;
    ss_nifti img, again;
    raw_nifti2(&r, true, 4, 16);
    raw_f64(&r, 400, 0.1234567890123);
    ss_file_write(at("two.nii"), r.b, r.n, NULL);
    if (!T_INT(ss_nifti_read(&img, at("two.nii"), NULL, NULL), SS_OK)) return;
    ss_view v = view(img.data, SS_F32, 3, img.shape);
    T_INT(ss_nifti_write(at("two2.nii.gz"), &v, &img.geom, NULL, NULL), SS_OK);
    if (T_INT(ss_nifti_read(&again, at("two2.nii.gz"), NULL, NULL), SS_OK)) {
        T_INT(again.geom.version, 2);
        T_OK(memcmp(&again.geom, &img.geom, sizeof img.geom) == 0);
        ss_nifti_free(&again);
    }
    ss_nifti_free(&img);
    /* An axis that NIfTI-1 cannot count. */
    const int64_t longer[] = {1, 1, 40000};
    uint8_t *row = calloc(40000, 1);
    ss_nifti_geom g;
    ss_nifti_geom_from_affine(&g, oblique, NULL);
    v = view(row, SS_U8, 3, longer);
    T_INT(ss_nifti_write(at("long.nii"), &v, &g, NULL, NULL), SS_OK);
    if (T_INT(ss_nifti_read(&again, at("long.nii"), NULL, NULL), SS_OK)) {
        T_INT(again.geom.version, 2);
        T_INT(again.shape[2], 40000);
        ss_nifti_free(&again);
    }
    free(row);
}

static void test_series_and_shear(void)
{
    const int64_t shape[] = {3, 2, 3, 4};
    double sheared[4][4];
    float f[72];
    ss_nifti_geom g;
    ss_nifti img;
    memcpy(sheared, oblique, sizeof sheared);
    sheared[0][2] = 0.5;
    for (int i = 0; i < 72; i++) f[i] = (float)(i * 0.5);
    T_INT(ss_nifti_geom_from_affine(&g, sheared, NULL), SS_OK);
    T_INT(g.qform_code, 0);
    ss_view v = view(f, SS_F32, 4, shape);
    T_INT(ss_nifti_write(at("t.nii.gz"), &v, &g, NULL, NULL), SS_OK);
    if (T_INT(ss_nifti_read(&img, at("t.nii.gz"), &(ss_nifti_how){.volume = 2}, NULL), SS_OK)) {
        T_NEAR((double)((float *)img.data)[0], 12, 0);
        T_NEAR(img.affine[0][2], 0.5, 0);
        ss_nifti_free(&img);
    }
    char a[SS_HASH_CHARS], b[SS_HASH_CHARS];
    ss_file_hash(a, at("t.nii.gz"), NULL);
    ss_nifti_write(at("t.nii.gz"), &v, &g, NULL, NULL);
    ss_file_hash(b, at("t.nii.gz"), NULL);
    T_STR(b, a);
}

static void write_refused(const char *file, const ss_view *v, const ss_nifti_geom *g,
                          const char *stored, const char *part)
{
    ss_error err = {0};
    const int before = entries();
    T_OK(ss_nifti_write(at(file), v, g, stored, &err) != SS_OK);
    T_HAS(err.msg, part);
    T_INT(entries(), before);
}

static void test_refusals(void)
{
    float f[24] = {0};
    int64_t big[24] = {0};
    const int64_t flat[] = {6, 4};
    ss_nifti_geom g, other;
    ss_nifti_geom_from_affine(&g, oblique, NULL);
    ss_view v = view(f, SS_F32, 3, small);
    ss_view two = view(f, SS_F32, 2, flat);
    write_refused("x.img", &v, &g, NULL, "the name must end in .nii or .nii.gz");
    write_refused("x.nii", &two, &g, NULL, "the tensor has 2 axes");
    write_refused("x.nii", &v, &g, "rgb", "type rgb; u8 i8 u16");
    f[17] = 1.5f;
    write_refused("x.nii", &v, &g, "u8", "1.5 at voxel (z 1, y 1, x 1) cannot be stored as u8");
    f[17] = NAN;
    write_refused("x.nii.gz", &v, &g, "i16", "nan at voxel (z 1, y 1, x 1)");
    f[17] = 256;
    write_refused("x.nii.gz", &v, &g, "u8", "256 at voxel");
    big[3] = 1LL << 40;
    ss_view w = view(big, SS_I64, 3, small);
    write_refused("x.nii", &w, &g, NULL, "cannot be stored as i32");
    other = g;
    other.dim[0] = 5;
    write_refused("x.nii", &v, &other, NULL, "the volume is 2 x 3 x 4 (z y x)");
    other = g;
    other.magic[0] = 'x';
    write_refused("x.nii", &v, &other, NULL, "geometry was not made by this program");
    other = g;
    other.srow[1][1] = NAN;
    write_refused("x.nii", &v, &other, NULL, "srow_y[1] of the sform is nan");
    double bad[4][4];
    ss_error err = {0};
    memcpy(bad, oblique, sizeof bad);
    bad[3][3] = 2;
    T_INT(ss_nifti_geom_from_affine(&g, bad, &err), SS_E_ARG);
    T_HAS(err.msg, "0 0 0 1 is expected");
    memcpy(bad, oblique, sizeof bad);
    for (int i = 0; i < 3; i++) bad[i][2] = bad[i][1];
    T_OK(ss_nifti_geom_from_affine(&g, bad, &err) != SS_OK);
    T_HAS(err.msg, "the sform is singular");
}

static void test_pairs_and_names(void)
{
    raw r;
    ss_nifti img;
    ss_error err = {0};
    size_t n;
    raw_nifti1(&r, true, 2, 8);
    unsigned char *gz = gzip(r.b, r.n, &n);
    ss_file_write(at("plain.nii.gz"), r.b, r.n, NULL);
    ss_file_write(at("packed.nii"), gz, n, NULL);
    free(gz);
    if (T_INT(ss_nifti_read(&img, at("plain.nii.gz"), NULL, NULL), SS_OK))
        T_HAS(img.warnings.text[0], "not compressed although the name has .gz");
    ss_nifti_free(&img);
    if (T_INT(ss_nifti_read(&img, at("packed.nii"), NULL, NULL), SS_OK))
        T_HAS(img.warnings.text[0], "gzip although the name has no .gz");
    ss_nifti_free(&img);
    memcpy(r.b + 344, "ni1", 4);
    raw_f32(&r, 108, 8);
    ss_file_write(at("p.hdr"), r.b, 348, NULL);
    T_INT(ss_nifti_read(&img, at("p.hdr"), NULL, &err), SS_E_IO);
    T_HAS(err.msg, "the other file of the pair is missing");
    for (int i = 0; i < 32; i++) r.b[400 + i] = (unsigned char)i;
    gz = gzip(r.b + 400, 32, &n);
    ss_file_write(at("p.img.gz"), gz, n, NULL);
    free(gz);
    static const char *const ways[] = {"p.hdr", "p.img.gz"};
    for (int i = 0; i < 2; i++)
        if (T_INT(ss_nifti_read(&img, at(ways[i]), NULL, &err), SS_OK)) {
            T_NEAR((double)((float *)img.data)[3], 11, 0);
            ss_nifti_free(&img);
        }
    ss_file_write(at("p.img.gz"), r.b + 400, 31, NULL);
    T_INT(ss_nifti_read(&img, at("p.hdr"), NULL, &err), SS_E_FORMAT);
    T_HAS(err.msg, "p.img.gz: the voxels need 24 bytes from 8 on; the file can hold 31");
    memcpy(r.b + 344, "n+1", 4);
    raw_f32(&r, 108, 352);
    ss_file_write(at("p.hdr"), r.b, 352, NULL);
    T_INT(ss_nifti_read(&img, at("p.hdr"), NULL, &err), SS_E_FORMAT);
    T_HAS(err.msg, "belongs to a single .nii file");
    T_INT(ss_nifti_read(&img, dir, NULL, &err), SS_E_IO);
    T_INT(ss_nifti_read(&img, "/dev/zero", NULL, &err), SS_E_IO);
}

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    T_RUN(test_types);
    T_RUN(test_mask_like_image);
    T_RUN(test_nifti2_kept_exact);
    T_RUN(test_series_and_shear);
    T_RUN(test_refusals);
    T_RUN(test_pairs_and_names);
    T_INT(ss_file_remove(dir, true, NULL), SS_OK);
    return t_done();
}
