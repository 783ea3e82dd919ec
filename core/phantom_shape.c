/* phantom_shape.c — signed distance functions of the object families. */
#include "phantom_shape.h"

static const char *const family_names[] = {
#define X(name) #name,
    SS_PHANTOM_FAMILY_MAP(X)
#undef X
        "any",
};

const char *ss_phantom_family_name(int family)
{
    return family >= 0 && family <= SS_PHANTOM_any ? family_names[family] : NULL;
}

/* ---- drawing ----------------------------------------------------------------- */

ss_draw ss_draw_from(uint64_t seed, uint64_t index, uint64_t purpose)
{
    uint32_t u[4];
    ss_philox_at(seed, index, purpose, u);
    return (ss_draw){.key = (uint64_t)u[0] | (uint64_t)u[1] << 32};
}

double ss_draw_uniform(ss_draw *d, double lo, double hi)
{
    uint32_t u[4];
    ss_philox(d->key, d->next++, u);
    return lo + (hi - lo) * (((double)(u[0] >> 5) * 67108864.0 + (double)(u[1] >> 6)) * 0x1p-53);
}

double ss_draw_range(ss_draw *d, ss_range r, bool whole)
{
    const double x = ss_draw_uniform(d, r.lo, whole ? r.hi + 1 : r.hi);
    return whole ? fmin(floor(x), r.hi) : x;
}

void ss_turn_random(ss_draw *d, double t[9])
{
    /* Shoemake: uniform random rotations. Graphics Gems III. */
    const double u = ss_draw_uniform(d, 0, 1), a = ss_draw_uniform(d, 0, 6.283185307179586);
    const double b = ss_draw_uniform(d, 0, 6.283185307179586);
    const double x = sqrt(1 - u) * sin(a), y = sqrt(1 - u) * cos(a), z = sqrt(u) * sin(b);
    const double w = sqrt(u) * cos(b);
    const double r[9] = {1 - 2 * (y * y + z * z), 2 * (x * y - z * w),     2 * (x * z + y * w),
                         2 * (x * y + z * w),     1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
                         2 * (x * z - y * w),     2 * (y * z + x * w),     1 - 2 * (x * x + y * y)};
    for (int i = 0; i < 9; i++) t[i] = r[i];
}

void ss_turn_angles(const double degrees[3], double t[9])
{
    for (int i = 0; i < 9; i++) t[i] = i % 4 == 0;
    for (int axis = 0; axis < 3; axis++) {
        const double a = degrees[axis] * 3.141592653589793 / 180, c = cos(a), s = sin(a);
        double *p = t + 3 * ((axis + 1) % 3), *q = t + 3 * ((axis + 2) % 3);
        for (int i = 0; i < 3; i++) {
            const double u = p[i], v = q[i];
            p[i] = c * u - s * v;
            q[i] = s * u + c * v;
        }
    }
}

/* The bridge of a target: a quadratic Bezier curve from lobe to lobe that sags along y. */
static void draw_bridge(ss_shape *s, double sag)
{
    for (int i = 0; i < SS_SHAPE_PATH; i++) {
        const double t = (double)i / (SS_SHAPE_PATH - 1);
        s->path[i][0] = 0.25 * (1 - t) * t;
        s->path[i][1] = 2 * (1 - t) * t * sag;
        s->path[i][2] = -0.5 + 1.08 * t;
    }
}

static void draw_waves(ss_shape *s, ss_draw *d)
{
    for (int k = 0; k < 5; k++) {
        double turn[9];
        ss_turn_random(d, turn);
        for (int i = 0; i < 3; i++) s->wave[k][i] = turn[i];
        s->wave[k][3] = ss_draw_uniform(d, 2, 4.5);
        s->wave[k][4] = ss_draw_uniform(d, 0, 6.283185307179586);
    }
}

void ss_shape_draw(ss_shape *s, int family, ss_draw *d)
{
    /* Ranges of p[] per family. */
    static const double span[SS_PHANTOM_FAMILIES][4][2] = {
        {{0.55, 1}, {0.55, 1}, {0.55, 1}, {0, 0}},              /* ellipsoid: half axes */
        {{0.45, 0.75}, {0.45, 0.75}, {0.45, 0.75}, {0.1, 0.2}}, /* box: half sides, rounding */
        {{0.68, 0.78}, {0.24, 0.34}, {0, 0}, {0, 0}},           /* torus: radii of ring and tube */
        {{0.55, 0.75}, {0.28, 0.38}, {0, 0}, {0, 0}},           /* capsule: half length, radius */
        {{0.65, 0.85}, {0.55, 0.75}, {0.05, 0.12}, {0, 0}},     /* cone: half height, base, tip */
        {{0.8, 0.95}, {0.2, 0.28}, {0.05, 0.1}, {0, 0}}, /* cross: arm, half width, rounding */
        {{0.7, 0.75}, {0.07, 0.1}, {0, 0}, {0, 0}},      /* blob: radius, wave height */
        {{0.42, 0.5}, {0.27, 0.34}, {0.13, 0.17}, {0.55, 0.85}}, /* target: lobes, bridge, sag */
    };
    *s = (ss_shape){.family = family};
    for (int i = 0; i < 4; i++)
        s->p[i] = ss_draw_uniform(d, span[family][i][0], span[family][i][1]);
    if (family == SS_PHANTOM_target) draw_bridge(s, s->p[3]);
    if (family == SS_PHANTOM_blob) draw_waves(s, d);
}

/* ---- distances ----------------------------------------------------------------- */

static double length2(double a, double b)
{
    return sqrt(a * a + b * b);
}

static double length3(const double q[3])
{
    return sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2]);
}

/* First-order distance: value over gradient of the implicit function. */
static double ellipsoid(const double q[3], double a, double b, double c)
{
    const double u[3] = {q[0] / a, q[1] / b, q[2] / c};
    const double v[3] = {u[0] / a, u[1] / b, u[2] / c};
    const double k0 = length3(u), k1 = length3(v);
    return k1 < 1e-9 ? -fmin(a, fmin(b, c)) : k0 * (k0 - 1) / k1;
}

static double box(const double q[3], double a, double b, double c, double round)
{
    const double e[3] = {fabs(q[0]) - a + round, fabs(q[1]) - b + round, fabs(q[2]) - c + round};
    const double out[3] = {fmax(e[0], 0), fmax(e[1], 0), fmax(e[2], 0)};
    return length3(out) + fmin(fmax(e[0], fmax(e[1], e[2])), 0) - round;
}

/* Distance to the segment a b. */
static double segment(const double q[3], const double a[3], const double b[3])
{
    double ab[3], aq[3], dot = 0, sq = 0;
    for (int i = 0; i < 3; i++) {
        ab[i] = b[i] - a[i];
        aq[i] = q[i] - a[i];
        dot += ab[i] * aq[i];
        sq += ab[i] * ab[i];
    }
    const double t = fmin(fmax(dot / sq, 0), 1);
    for (int i = 0; i < 3; i++) aq[i] -= t * ab[i];
    return length3(aq);
}

static double cone(const double q[3], double half, double base, double tip)
{
    const double t = (q[1] + half) / (2 * half), radius = tip + (base - tip) * t;
    const double slope = (base - tip) / (2 * half);
    const double side = (length2(q[0], q[2]) - radius) / sqrt(1 + slope * slope);
    return fmax(side, fabs(q[1]) - half);
}

static double blob(const ss_shape *s, const double q[3])
{
    const double r = length3(q);
    if (r < 1e-9) return -s->p[0];
    double radius = 1;
    for (int k = 0; k < 5; k++) {
        const double *w = s->wave[k];
        const double along = (q[0] * w[0] + q[1] * w[1] + q[2] * w[2]) / r;
        radius += s->p[1] * cos(w[3] * along + w[4]);
    }
    return 0.85 * (r - s->p[0] * radius); /* the surface leans: shorten to a lower bound */
}

/* Union whose seam is rounded over the width k. */
static double smooth_union(double a, double b, double k)
{
    const double h = fmax(k - fabs(a - b), 0) / k;
    return fmin(a, b) - h * h * k / 4;
}

static double target(const ss_shape *s, const double q[3])
{
    const double one[3] = {q[0], q[1], q[2] + 0.5}, two[3] = {q[0], q[1], q[2] - 0.58};
    double bridge = 1e9;
    for (int i = 0; i + 1 < SS_SHAPE_PATH; i++)
        bridge = fmin(bridge, segment(q, s->path[i], s->path[i + 1]));
    const double lobes =
        fmin(ellipsoid(one, s->p[0], s->p[0] * 0.9, s->p[0] * 1.1), length3(two) - s->p[1]);
    return smooth_union(lobes, bridge - s->p[2], 0.15);
}

double ss_shape_distance(const ss_shape *s, const double q[3])
{
    const double *p = s->p;
    const double a[3] = {0, -p[0], 0}, b[3] = {0, p[0], 0};
    switch (s->family) {
    case SS_PHANTOM_ellipsoid:
        return ellipsoid(q, p[0], p[1], p[2]);
    case SS_PHANTOM_box:
        return box(q, p[0], p[1], p[2], p[3]);
    case SS_PHANTOM_torus:
        return length2(length2(q[1], q[2]) - p[0], q[0]) - p[1];
    case SS_PHANTOM_capsule:
        return segment(q, a, b) - p[1];
    case SS_PHANTOM_cone:
        return cone(q, p[0], p[1], p[2]);
    case SS_PHANTOM_cross:
        return fmin(box(q, p[0], p[1], p[1], p[2]),
                    fmin(box(q, p[1], p[0], p[1], p[2]), box(q, p[1], p[1], p[0], p[2])));
    case SS_PHANTOM_blob:
        return blob(s, q);
    default:
        return target(s, q);
    }
}

double ss_shape_volume(const ss_shape *s)
{
    enum { GRID = 26 };
    const double step = 2 * SS_SHAPE_REACH_PERCENT / 100.0 / GRID;
    int64_t inside = 0;
    for (int z = 0; z < GRID; z++)
        for (int y = 0; y < GRID; y++)
            for (int x = 0; x < GRID; x++) {
                const double q[3] = {(z + 0.5 - GRID / 2) * step, (y + 0.5 - GRID / 2) * step,
                                     (x + 0.5 - GRID / 2) * step};
                inside += ss_shape_distance(s, q) < 0;
            }
    return (double)inside * step * step * step;
}
