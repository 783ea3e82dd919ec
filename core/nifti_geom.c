/* nifti_geom.c — from the header's orientation fields to one checked affine, and back.
 *
 * The quaternion and orientation arithmetic is nifticlib's; what it would silently repair (singular
 * or non-finite matrices, quaternions longer than 1, spacings of 0) is refused here before. */
#include "nifti_parts.h"
#include <math.h>
#include <nifti2_io.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MIN_SPACING 1e-3 /* mm */
#define MAX_SPACING 1e3
#define MIN_VOLUME 1e-6    /* |det| over the product of the spacings: 1 for orthogonal axes */
#define MAX_QUATERN 1.0001 /* b^2 + c^2 + d^2, with room for the rounding of floats */
#define FORMS_AGREE 1e-3   /* difference of sform and qform, in spacings */
#define MAX_FORM_CODE 5

void ss_nifti_warn(ss_nifti *img, const char *fmt, ...)
{
    ss_nifti_warnings *w = &img->warnings;
    va_list ap;
    if (w->n == SS_NIFTI_WARNINGS) return;
    va_start(ap, fmt);
    vsnprintf(w->text[w->n++], SS_NIFTI_WARNING_CHARS, fmt, ap);
    va_end(ap);
}

/* Spacings of x, y, z as the header's pixdim gives them. An axis of one voxel may have none. */
static ss_status spacings(const ss_nifti_geom *g, double p[3], ss_error *why)
{
    for (int i = 0; i < 3; i++) {
        p[i] = g->pixdim[i + 1];
        if (g->dim[i] == 1 && !(p[i] > 0 && isfinite(p[i]))) p[i] = 1;
        if (!isfinite(p[i]) || p[i] <= 0)
            return ss_error_set(why, SS_E_FORMAT, "pixdim[%d] is %g; a spacing above 0 is needed",
                                i + 1, p[i]);
    }
    return SS_OK;
}

static ss_status sform(const ss_nifti_geom *g, double m[3][4], ss_error *why)
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++) {
            m[i][j] = g->srow[i][j];
            if (!isfinite(m[i][j]))
                return ss_error_set(why, SS_E_FORMAT, "srow_%c[%d] of the sform is %g", "xyz"[i], j,
                                    m[i][j]);
        }
    return SS_OK;
}

static ss_status qform(const ss_nifti_geom *g, double m[3][4], ss_error *why)
{
    double p[3], norm = 0;
    ss_status s = spacings(g, p, why);
    if (s) return s;
    for (int i = 0; i < 3; i++) {
        if (!isfinite(g->quatern[i]) || !isfinite(g->offset[i]))
            return ss_error_set(why, SS_E_FORMAT, "quatern_%c is %g and qoffset_%c is %g", "bcd"[i],
                                g -> quatern[i], "xyz"[i], g -> offset[i]);
        norm += g->quatern[i] * g->quatern[i];
    }
    if (norm > MAX_QUATERN)
        return ss_error_set(why, SS_E_FORMAT,
                            "quatern_b, c, d have the squared length %g; a rotation has at most 1",
                            norm);
    if (!isfinite(g->pixdim[0]))
        return ss_error_set(why, SS_E_FORMAT, "pixdim[0] is %g; 1 or -1 is expected", g->pixdim[0]);
    const nifti_dmat44 q = nifti_quatern_to_dmat44(g->quatern[0], g->quatern[1], g->quatern[2],
                                                   g->offset[0], g->offset[1], g->offset[2], p[0],
                                                   p[1], p[2], g->pixdim[0] < 0 ? -1 : 1);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++) m[i][j] = q.m[i][j];
    return SS_OK;
}

static double column(const double m[3][4], int j)
{
    return sqrt(m[0][j] * m[0][j] + m[1][j] * m[1][j] + m[2][j] * m[2][j]);
}

static double det3(const double m[3][4])
{
    return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
           m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
           m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
}

/* A matrix in millimetres must be invertible and have believable spacings. */
static ss_status usable(const double m[3][4], const char *form, ss_error *why)
{
    double product = 1;
    for (int j = 0; j < 3; j++) {
        const double d = column(m, j);
        if (!(d >= MIN_SPACING * (1 - 1e-6) && d <= MAX_SPACING * (1 + 1e-6)))
            return ss_error_set(why, SS_E_FORMAT,
                                "the %s has a spacing of %g mm along %c; %g to %g is accepted",
                                form, d, "xyz"[j], MIN_SPACING, MAX_SPACING);
        product *= d;
    }
    const double volume = fabs(det3(m)) / product;
    if (!(volume > MIN_VOLUME))
        return ss_error_set(why, SS_E_FORMAT,
                            "the %s is singular: its axes span %g of a box; it cannot be inverted",
                            form, volume);
    for (int i = 0; i < 3; i++)
        if (fabs(m[i][3]) > 1e9)
            return ss_error_set(why, SS_E_FORMAT, "the %s has its origin at %g mm", form, m[i][3]);
    return SS_OK;
}

static double to_mm(ss_nifti *img)
{
    const int unit = img->geom.units & 7;
    if (unit == NIFTI_UNITS_METER || unit == NIFTI_UNITS_MICRON) {
        ss_nifti_warn(img, "lengths are in %s; they were converted to millimetres",
                      unit == NIFTI_UNITS_METER ? "metres" : "micrometres");
        return unit == NIFTI_UNITS_METER ? 1e3 : 1e-3;
    }
    if (unit != NIFTI_UNITS_MM && unit != NIFTI_UNITS_UNKNOWN)
        ss_nifti_warn(img, "unit of length %d is not defined; taken as millimetres", unit);
    return 1;
}

static void scale(double m[3][4], double k)
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++) m[i][j] *= k;
}

/* The largest difference of two matrices, measured in the smallest spacing of the first. */
static double difference(const double a[3][4], const double b[3][4])
{
    double most = 0;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++) most = fmax(most, fabs(a[i][j] - b[i][j]));
    return most / fmin(column(a, 0), fmin(column(a, 1), column(a, 2)));
}

static void publish(ss_nifti *img, const double m[3][4])
{
    static const char letter[] = {'?', 'R', 'L', 'A', 'P', 'S', 'I'};
    nifti_dmat44 a = {{{0}}};
    int code[3] = {0};
    memset(img->affine, 0, sizeof img->affine);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++) img->affine[i][j] = a.m[i][j] = m[i][j];
    img->affine[3][3] = a.m[3][3] = 1;
    for (int j = 0; j < 3; j++) img->spacing[j] = column(m, j);
    nifti_dmat44_to_orientation(a, &code[0], &code[1], &code[2]);
    for (int j = 0; j < 3; j++) img->axes[j] = letter[code[j] >= 1 && code[j] <= 6 ? code[j] : 0];
    img->axes[3] = 0;
}

static ss_status no_form(ss_nifti *img, double m[3][4], ss_error *why)
{
    double p[3];
    ss_status s = spacings(&img->geom, p, why);
    if (s) return s;
    memset(m, 0, 12 * sizeof m[0][0]);
    for (int i = 0; i < 3; i++) m[i][i] = p[i];
    img->source = SS_NIFTI_PIXDIM;
    ss_nifti_warn(img, "orientation unknown: neither qform nor sform is set");
    return SS_OK;
}

/* With an sform in use, the qform is only compared; one that is unusable is dropped, so that a file
 * written like this one has no second, wrong geometry. */
static void compare_forms(ss_nifti *img, const double m[3][4], double mm)
{
    double q[3][4];
    ss_error why = {0};
    if (img->geom.qform_code <= 0) return;
    if (qform(&img->geom, q, &why)) {
        ss_nifti_warn(img, "qform ignored: %.150s", why.msg);
        img->geom.qform_code = 0;
        memset(img->geom.quatern, 0, sizeof img->geom.quatern);
        memset(img->geom.offset, 0, sizeof img->geom.offset);
        return;
    }
    scale(q, mm);
    const double d = difference(m, q);
    if (!(d <= FORMS_AGREE))
        ss_nifti_warn(img, "sform and qform differ by %.3g voxels; the sform is used", d);
}

/* Fields that no form uses may hold anything; they must not reach a file written like this one. */
static void clean(ss_nifti_geom *g)
{
    if (g->sform_code <= 0) memset(g->srow, 0, sizeof g->srow);
    if (g->qform_code <= 0) {
        memset(g->quatern, 0, sizeof g->quatern);
        memset(g->offset, 0, sizeof g->offset);
    }
    for (int i = 0; i < 8; i++)
        if (!isfinite(g->pixdim[i])) g->pixdim[i] = i ? 1 : 0;
}

ss_status ss_nifti_geom_resolve(ss_nifti *img, const char *name, ss_error *err)
{
    static const char *const form[] = {"sform", "qform", "grid"};
    ss_nifti_geom *g = &img->geom;
    double m[3][4];
    ss_error why = {0};
    ss_status s;
    if (g->qform_code < 0 || g->qform_code > MAX_FORM_CODE)
        return ss_error_set(err, SS_E_FORMAT, "%s: qform_code is %d; 0 to %d are defined", name,
                            g->qform_code, MAX_FORM_CODE);
    if (g->sform_code < 0 || g->sform_code > MAX_FORM_CODE)
        return ss_error_set(err, SS_E_FORMAT, "%s: sform_code is %d; 0 to %d are defined", name,
                            g->sform_code, MAX_FORM_CODE);
    const double mm = to_mm(img);
    if (g->sform_code > 0) {
        img->source = SS_NIFTI_SFORM;
        s = sform(g, m, &why);
    } else if (g->qform_code > 0) {
        img->source = SS_NIFTI_QFORM;
        s = qform(g, m, &why);
    } else {
        s = no_form(img, m, &why);
    }
    if (!s) scale(m, mm);
    if (!s) s = usable(m, form[img->source], &why);
    if (s) return ss_error_set(err, s, "%s: %.400s", name, why.msg);
    if (img->source == SS_NIFTI_SFORM) compare_forms(img, m, mm);
    clean(g);
    publish(img, m);
    return SS_OK;
}

ss_status ss_nifti_geom_from_affine(ss_nifti_geom *g, const double affine[4][4], ss_error *err)
{
    ss_nifti img = {0};
    nifti_dmat44 a = {{{0}}};
    double q[3][4], m[3][4];
    memset(g, 0, sizeof *g);
    memcpy(g->magic, "ssgeom1", sizeof g->magic);
    g->version = 1;
    g->sform_code = NIFTI_XFORM_SCANNER_ANAT;
    g->units = NIFTI_UNITS_MM;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++)
            m[i][j] = a.m[i][j] = g->srow[i][j] = (double)(float)affine[i][j]; /* as stored */
    a.m[3][3] = 1;
    if (affine[3][0] != 0 || affine[3][1] != 0 || affine[3][2] != 0 || affine[3][3] != 1)
        return ss_error_set(err, SS_E_ARG,
                            "affine: the last row is %g %g %g %g; 0 0 0 1 is expected",
                            affine[3][0], affine[3][1], affine[3][2], affine[3][3]);
    for (int i = 0; i < 3; i++) g->dim[i] = 2; /* any size: only the matrix is looked at */
    img.geom = *g;
    ss_status s = ss_nifti_geom_resolve(&img, "affine", err);
    if (s) return s;
    nifti_dmat44_to_quatern(a, &g->quatern[0], &g->quatern[1], &g->quatern[2], &g->offset[0],
                            &g->offset[1], &g->offset[2], &g->pixdim[1], &g->pixdim[2],
                            &g->pixdim[3], &g->pixdim[0]);
    for (int i = 0; i < 3; i++) {
        g->quatern[i] = (double)(float)g->quatern[i];
        g->offset[i] = (double)(float)g->offset[i];
        g->pixdim[i + 1] = (double)(float)img.spacing[i];
    }
    g->qform_code = NIFTI_XFORM_SCANNER_ANAT;
    if (qform(g, q, NULL) || !(difference(m, q) <= FORMS_AGREE)) { /* sheared: no rotation */
        g->qform_code = 0;
        memset(g->quatern, 0, sizeof g->quatern);
        memset(g->offset, 0, sizeof g->offset);
    }
    for (int i = 4; i < 8; i++) g->pixdim[i] = 1;
    memset(g->dim, 0, sizeof g->dim);
    return SS_OK;
}
