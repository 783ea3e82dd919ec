/* test_nifti_sweep.c — every header field with extreme values, every prefix, every bit flip, bombs,
 * extensions: whatever comes is refused with a sentence or read within its bounds. */
#include "nifti.h"
#include "nifti_make.h"
#include "t.h"
#include <time.h>

typedef struct field {
    size_t at;
    char kind; /* b, h, i, q, f, d as in struct */
    int count;
} field;

static const field fields1[] = {
    {0, 'i', 1},    {40, 'h', 8},  {56, 'f', 3},  {68, 'h', 4},  {76, 'f', 8},
    {108, 'f', 3},  {120, 'h', 1}, {122, 'b', 2}, {124, 'f', 4}, {252, 'h', 2},
    {256, 'f', 18}, {344, 'b', 4}, {348, 'b', 4},
};
static const field fields2[] = {
    {0, 'i', 1},   {4, 'b', 8},   {12, 'h', 2},  {16, 'q', 8},   {80, 'd', 11}, {168, 'q', 1},
    {176, 'd', 6}, {224, 'q', 2}, {344, 'i', 2}, {352, 'd', 18}, {496, 'i', 3}, {540, 'b', 4},
};

enum { VALUES = 14 };

static bool put(raw *r, char kind, size_t at, int k)
{
    static const int64_t whole[VALUES] = {0,         1,         -1,        2,         7,
                                          8,         255,       INT16_MAX, INT16_MIN, INT32_MAX,
                                          INT32_MIN, INT64_MAX, INT64_MIN, 1024};
    static const double real[VALUES] = {0,    1,     -1,  0.5,      1e-45,     1e38,         -1e38,
                                        1e-3, 1e300, NAN, INFINITY, -INFINITY, 2147483648.0, 352.5};
    switch (kind) {
    case 'b':
        r->b[at] = (unsigned char)whole[k];
        break;
    case 'h':
        raw_i16(r, at, whole[k]);
        break;
    case 'i':
        raw_i32(r, at, whole[k]);
        break;
    case 'q':
        raw_i64(r, at, whole[k]);
        break;
    case 'f':
        raw_f32(r, at, real[k]);
        break;
    default:
        raw_f64(r, at, real[k]);
        break;
    }
    return true;
}

static size_t width(char kind)
{
    return kind == 'b' ? 1 : kind == 'h' ? 2 : kind == 'i' || kind == 'f' ? 4 : 8;
}

/* Either a refusal with a sentence or an image that keeps its promises. Returns 1 if accepted. */
static int verdict(const void *p, size_t n, const ss_nifti_how *how)
{
    ss_nifti img;
    ss_error err = {0};
    const ss_status s = ss_nifti_parse(&img, "x", p, n, how, &err);
    if (s) {
        T_OK(s == SS_E_FORMAT);
        T_OK(strlen(err.msg) > 10 && img.data == NULL);
        return 0;
    }
    int64_t count = 1;
    for (int i = 0; i < img.ndim; i++) count *= img.shape[i];
    T_OK(img.ndim >= 3 && img.ndim <= 7 && count >= 1 && count <= 4096);
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += img.dtype == SS_F32 ? (double)((float *)img.data)[i] : ((uint8_t *)img.data)[i];
    T_OK(isfinite(sum));
    for (int i = 0; i < 3; i++) {
        T_OK(img.spacing[i] >= 0.99e-3 && img.spacing[i] <= 1.01e3);
        for (int j = 0; j < 4; j++) T_OK(isfinite(img.affine[i][j]));
    }
    T_OK(strlen(img.axes) == 3 && !strchr(img.axes, '?'));
    ss_nifti_free(&img);
    return 1;
}

static int sweep(int version, bool big, const field *f, size_t nf, const ss_nifti_how *how)
{
    int tried = 0, accepted = 0;
    for (size_t i = 0; i < nf; i++)
        for (int e = 0; e < f[i].count; e++)
            for (int k = 0; k < VALUES; k++) {
                raw r;
                (version == 1 ? raw_nifti1 : raw_nifti2)(&r, big, 16, 32);
                put(&r, f[i].kind, f[i].at + (size_t)e * width(f[i].kind), k);
                accepted += verdict(r.b, r.n, how);
                tried++;
            }
    T_OK(accepted > tried / 10 && accepted < tried);
    return tried;
}

static void test_every_field(void)
{
    const ss_nifti_how label = {.label = true};
    for (int big = 0; big < 2; big++) {
        sweep(1, big, fields1, sizeof fields1 / sizeof *fields1, NULL);
        sweep(2, big, fields2, sizeof fields2 / sizeof *fields2, &label);
    }
}

/* Pairs of the fields that decide about sizes: dim[0..4], datatype, bitpix, vox_offset. */
static void test_pairs_of_sizes(void)
{
    static const field f1[] = {{40, 'h', 5}, {70, 'h', 2}, {108, 'f', 1}};
    static const field f2[] = {{16, 'q', 5}, {12, 'h', 2}, {168, 'q', 1}};
    size_t at[8];
    char kind[8];
    for (int version = 1; version <= 2; version++) {
        const field *f = version == 1 ? f1 : f2;
        int n = 0, accepted = 0;
        for (size_t i = 0; i < 3; i++)
            for (int e = 0; e < f[i].count; e++, n++) {
                at[n] = f[i].at + (size_t)e * width(f[i].kind);
                kind[n] = f[i].kind;
            }
        for (int a = 0; a < n; a++)
            for (int b = 0; b < a; b++)
                for (int k = 0; k < VALUES * VALUES; k++) {
                    raw r;
                    (version == 1 ? raw_nifti1 : raw_nifti2)(&r, false, 16, 32);
                    put(&r, kind[a], at[a], k / VALUES);
                    put(&r, kind[b], at[b], k % VALUES);
                    accepted += verdict(r.b, r.n, NULL);
                }
        T_OK(accepted > 0);
    }
}

static void test_every_prefix(void)
{
    for (int version = 1; version <= 2; version++) {
        raw r;
        size_t n;
        (version == 1 ? raw_nifti1 : raw_nifti2)(&r, false, 4, 16);
        for (size_t i = 0; i < r.n; i++) T_INT(verdict(r.b, i, NULL), 0);
        unsigned char *gz = gzip(r.b, r.n, &n);
        for (size_t i = 0; i < n; i++) T_INT(verdict(gz, i, NULL), 0);
        T_INT(verdict(gz, n, NULL), 1);
        free(gz);
    }
}

static void test_every_bit_of_gzip(void)
{
    raw r;
    size_t n;
    raw_nifti1(&r, false, 2, 8);
    for (int i = 0; i < 24; i++) r.b[352 + i] = (unsigned char)(i * i);
    unsigned char *gz = gzip(r.b, r.n, &n);
    int free_bits = 0;
    for (size_t bit = 0; bit < 8 * n; bit++) {
        ss_nifti img;
        gz[bit / 8] ^= (unsigned char)(1 << bit % 8);
        if (ss_nifti_parse(&img, "x", gz, n, NULL, NULL) == SS_OK) {
            /* A few bits mean nothing to the contents: time and system in the gzip header, or which
             * of several equal bytes a match copies. */
            free_bits++;
            for (int i = 0; i < 24; i++)
                T_NEAR((double)((float *)img.data)[i], (double)((i * i) & 255), 0);
            ss_nifti_free(&img);
        }
        gz[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    T_OK(free_bits < 80);
    free(gz);
}

static void refused(const void *p, size_t n, const char *part)
{
    ss_nifti img;
    ss_error err = {0};
    T_INT(ss_nifti_parse(&img, "x", p, n, NULL, &err), SS_E_FORMAT);
    T_HAS(err.msg, part);
}

static void test_after_gzip(void)
{
    raw r;
    size_t n;
    raw_nifti1(&r, false, 2, 8);
    unsigned char *gz = gzip(r.b, r.n, &n), *two = malloc(2 * n + 8);
    memcpy(two, gz, n);
    memcpy(two + n, "garbage", 8);
    refused(two, n + 1, "bytes that are not gzip follow the end of the gzip data");
    refused(two, n + 8, "bytes that are not gzip follow");
    memcpy(two + n, gz, n); /* a second member: 376 more bytes behind the voxels */
    T_INT(verdict(two, 2 * n, NULL), 1);
    refused(two, 2 * n - 1, "the gzip data is cut off");
    refused(gz, n / 2, "the gzip data is cut off");
    gz[n - 6] ^= 255;
    refused(gz, n, "incorrect data check");
    gz[n - 6] ^= 255;
    gz[n - 1] ^= 1;
    refused(gz, n, "incorrect length check");
    free(gz);
    /* The data over two members, cut at every place: the same image. */
    for (size_t cut = 1; cut < r.n; cut += 37) {
        size_t n1, n2;
        unsigned char *a = gzip(r.b, cut, &n1), *b = gzip(r.b + cut, r.n - cut, &n2);
        unsigned char *both = malloc(n1 + n2);
        memcpy(both, a, n1);
        memcpy(both + n1, b, n2);
        T_INT(verdict(both, n1 + n2, NULL), 1);
        free(a);
        free(b);
        free(both);
    }
    free(two);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A megabyte of gzip that unpacks to a gigabyte is refused by its header or at its declared end. */
static void test_bombs(void)
{
    enum { HUGE = 64 << 20 };
    raw r;
    size_t n;
    unsigned char *zeros = calloc(HUGE, 1);
    if (!T_OK(zeros != NULL)) return;
    raw_nifti1(&r, false, 2, 8);
    memcpy(zeros, r.b, r.n);
    unsigned char *gz = gzip(zeros, HUGE, &n);
    const double start = seconds();
    refused(gz, n, "more than 65536 bytes follow the expected end at 376");
    free(gz);
    raw_f32(&r, 108, 1 << 30);
    gz = gzip(r.b, r.n, &n);
    refused(gz, n, "vox_offset is 1.07374e+09");
    free(gz);
    raw_nifti1(&r, false, 2, 8);
    for (size_t i = 42; i < 48; i += 2) raw_i16(&r, i, 1024);
    gz = gzip(r.b, r.n, &n);
    refused(gz, n, "1073741824 voxels (1024 x 1024 x 1024, 1 volumes) would need 4.29 GB");
    free(gz);
    for (size_t i = 42; i < 48; i += 2) raw_i16(&r, i, 512);
    gz = gzip(r.b, r.n, &n);
    refused(gz, n, "the gzip file can hold at most");
    free(gz);
    T_OK(seconds() - start < 1);
    free(zeros);
}

static void test_extensions(void)
{
    static const struct {
        int32_t size;
        const char *part; /* NULL: accepted */
    } c[] = {{16, NULL},
             {32, NULL},
             {24, NULL},
             {0, "has the size 0; 8 to 48 fit"},
             {7, "size 7"},
             {-16, "size -16"},
             {2147483632, "size 2147483632"},
             {64, "size 64; 8 to 48 fit"}};
    for (size_t i = 0; i < sizeof c / sizeof *c; i++)
        for (int big = 0; big < 2; big++) {
            raw r;
            raw_nifti1(&r, big, 2, 8);
            raw_f32(&r, 108, 352 + 48);
            r.n += 48;
            r.b[348] = 1;
            raw_i32(&r, 352, c[i].size);
            for (size_t k = 16; k < 48; k += 16)
                if (c[i].size == 16) raw_i32(&r, 352 + k, 16);
            if (c[i].size == 32) raw_i32(&r, 384, 16);
            if (c[i].size == 24) raw_i32(&r, 376, 24);
            if (c[i].part)
                refused(r.b, r.n, c[i].part);
            else
                T_INT(verdict(r.b, r.n, NULL), 1);
        }
}

int main(void)
{
    T_RUN(test_every_field);
    T_RUN(test_pairs_of_sizes);
    T_RUN(test_every_prefix);
    T_RUN(test_every_bit_of_gzip);
    T_RUN(test_after_gzip);
    T_RUN(test_bombs);
    T_RUN(test_extensions);
    return t_done();
}
