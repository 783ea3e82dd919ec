/* phantom.c — objects placed in a volume, and the pictures ultrasound would make of them. */
#include "phantom_shape.h"
#include <stdlib.h>
#include <string.h>

/* Streams of one volume. */
enum { GEOMETRY = 1, PHYSICS, WARP, TEXTURE = WARP + 3, SCATTER, NOISE };

typedef struct {
    const ss_phantom_spec *spec;
    ss_phantom_info *info;
    int64_t size[3], count;
    double half;    /* voxels per unit: half of the shortest side */
    float *warp[3]; /* smooth displacement, voxels */
    float *distance;
    float *db; /* echogenicity */
    float *re, *im, *row;
    uint8_t *objects;
} phantom;

void ss_phantom_defaults(ss_phantom_spec *spec)
{
    *spec = (ss_phantom_spec){.size = {32, 32, 32},
                              .family = SS_PHANTOM_target,
                              .dark = 1,
                              .odd = 0.2,
#define X(name, lo, hi, least, most, meaning) .name = {lo, hi},
                              SS_PHANTOM_RANGE_MAP(X)
#undef X
    };
}

ss_status ss_phantom_check(const ss_phantom_spec *s, ss_error *err)
{
    for (int a = 0; a < 3; a++)
        if (s->size[a] < 8 || s->size[a] > 512)
            return ss_error_set(err, SS_E_ARG, "phantom: size must be 8 to 512 voxels, got %lld",
                                (long long)s->size[a]);
    if ((int)s->family < 0 || s->family > SS_PHANTOM_any)
        return ss_error_set(err, SS_E_ARG, "phantom: no family number %d", (int)s->family);
    const double chance[] = {s->dark, s->odd, s->fan};
    for (int i = 0; i < 3; i++)
        if (!(chance[i] >= 0 && chance[i] <= 1))
            return ss_error_set(err, SS_E_ARG, "phantom: %s must be in [0, 1], got %g",
                                (const char *[]){"dark", "odd", "fan"}[i], chance[i]);
#define X(name, a, b, least, most, meaning)                                                        \
    if (!(s->name.lo >= (least) && s->name.lo <= s->name.hi && s->name.hi <= (most)))              \
        return ss_error_set(err, SS_E_ARG,                                                         \
                            "phantom: %s must be a range within [%g, %g], got %g to %g", #name,    \
                            (double)(least), (double)(most), s->name.lo, s->name.hi);
    SS_PHANTOM_RANGE_MAP(X)
#undef X
    return SS_OK;
}

/* ---- smooth random fields --------------------------------------------------------- */

static double fade(double t) /* smooth from 0 to 1 */
{
    return t * t * t * (t * (6 * t - 15) + 10);
}

/* A field of mean 0 and deviation `rms`: normals on a lattice with `cells` cells along the shortest
 * side, interpolated smoothly. */
static ss_status smooth_field(const phantom *p, uint64_t purpose, double cells, double rms,
                              float *out)
{
    const uint64_t key = ss_draw_from(p->spec->seed, p->spec->index, purpose).key;
    const double step = cells / (2 * p->half);
    int64_t n[3];
    for (int a = 0; a < 3; a++) n[a] = (int64_t)((double)p->size[a] * step) + 2;
    const int64_t nodes = n[0] * n[1] * n[2];
    float *node = malloc((size_t)(nodes + 4) * sizeof(float));
    if (!node) return SS_E_NOMEM;
    for (int64_t i = 0; i < nodes; i += 4) ss_normal4(key, (uint64_t)i / 4, node + i);
    double sum = 0, square = 0;
    float *o = out;
    for (int64_t z = 0; z < p->size[0]; z++)
        for (int64_t y = 0; y < p->size[1]; y++)
            for (int64_t x = 0; x < p->size[2]; x++) {
                const double at[3] = {(double)z * step, (double)y * step, (double)x * step};
                double w[3][2], v = 0;
                int64_t i[3];
                for (int a = 0; a < 3; a++) {
                    i[a] = (int64_t)at[a];
                    w[a][1] = fade(at[a] - (double)i[a]);
                    w[a][0] = 1 - w[a][1];
                }
                for (int c = 0; c < 8; c++)
                    v += w[0][c >> 2] * w[1][c >> 1 & 1] * w[2][c & 1] *
                         (double)node[((i[0] + (c >> 2)) * n[1] + i[1] + (c >> 1 & 1)) * n[2] +
                                      i[2] + (c & 1)];
                *o++ = (float)v;
                sum += v;
                square += v * v;
            }
    free(node);
    const double mean = sum / (double)p->count, var = square / (double)p->count - mean * mean;
    const double gain = var > 0 ? rms / sqrt(var) : 0;
    for (int64_t i = 0; i < p->count; i++) out[i] = (float)(((double)out[i] - mean) * gain);
    return SS_OK;
}

/* ---- objects ------------------------------------------------------------------------ */

/* Distances in voxels to an object, +reach far away; false as soon as it comes within `margin` of
 * an earlier object. */
static bool rasterise(const phantom *p, const ss_shape *s, const ss_phantom_object *o,
                      double margin)
{
    const double far = o->scale * SS_SHAPE_REACH_PERCENT / 100 + 4, *t = o->turn;
    int64_t i = 0;
    for (int64_t z = 0; z < p->size[0]; z++)
        for (int64_t y = 0; y < p->size[1]; y++)
            for (int64_t x = 0; x < p->size[2]; x++, i++) {
                const double v[3] = {(double)z + (double)p->warp[0][i] - o->centre[0],
                                     (double)y + (double)p->warp[1][i] - o->centre[1],
                                     (double)x + (double)p->warp[2][i] - o->centre[2]};
                double q[3];
                p->distance[i] = 100;
                if (v[0] * v[0] + v[1] * v[1] + v[2] * v[2] > far * far) continue;
                for (int a = 0; a < 3; a++)
                    q[a] = (t[3 * a] * v[0] + t[3 * a + 1] * v[1] + t[3 * a + 2] * v[2]) / o->scale;
                p->distance[i] = (float)(ss_shape_distance(s, q) * o->scale);
                if (p->objects[i] && (double)p->distance[i] < margin) return false;
            }
    return true;
}

/* Adds the object in p->distance: its voxels, and its echogenicity with an edge of 0.6 voxels. */
static void stamp(phantom *p, ss_phantom_object *o, int number)
{
    const float edge = (float)(1 / (0.6 * 1.4142135623730951));
    for (int64_t i = 0; i < p->count; i++) {
        const float d = p->distance[i];
        if (d > 5) continue;
        if (d < 0) {
            p->objects[i] = (uint8_t)number;
            o->voxels++;
        }
        p->db[i] += (float)o->contrast * 0.5f * erfcf(d * edge) +
                    (float)p->info->wall * expf(-0.5f * d * d);
    }
}

/* Where object `number` goes: the first near the middle, the others where there is room. Gives up
 * on a distractor that does not fit; true when placed. */
static bool place(phantom *p, ss_draw *d, const ss_shape *s, ss_phantom_object *o, int number)
{
    const ss_phantom_spec *spec = p->spec;
    const bool first = number == 1;
    const double part = ss_draw_range(d, first ? spec->fraction : spec->distractor, false);
    const double degrees[3] = {ss_draw_range(d, spec->tilt, false),
                               ss_draw_range(d, spec->tilt, false),
                               ss_draw_range(d, spec->tilt, false)};
    o->scale = cbrt(part * (double)p->count / ss_shape_volume(s));
    ss_turn_random(d, o->turn);
    if (s->family == SS_PHANTOM_target) ss_turn_angles(degrees, o->turn);
    for (int attempt = 0; attempt < 60; attempt++) {
        for (int a = 0; a < 3; a++) {
            const double at =
                first ? ss_draw_range(d, spec->offset, false) : ss_draw_uniform(d, -0.75, 0.75);
            o->centre[a] = (double)(p->size[a] - 1) / 2 + at * (double)p->size[a] / 2;
        }
        if (rasterise(p, s, o, 2)) return true;
        if (attempt % 10 == 9) o->scale *= 0.88;
    }
    return false;
}

static void add_objects(phantom *p)
{
    const ss_phantom_spec *spec = p->spec;
    ss_draw d = ss_draw_from(spec->seed, spec->index, GEOMETRY);
    const int more = (int)ss_draw_range(&d, spec->distractors, true);
    const double sign = ss_draw_uniform(&d, 0, 1) < spec->dark ? -1 : 1;
    int used = 0; /* families so far, as bits */
    for (int k = 0; k <= more; k++) {
        ss_phantom_object *o = &p->info->object[p->info->objects];
        ss_shape s;
        int family = (int)spec->family;
        *o = (ss_phantom_object){0};
        if (k > 0 || family == SS_PHANTOM_any) {
            do family = (int)ss_draw_uniform(&d, 0, SS_PHANTOM_target);
            while (used >> family & 1 && k < SS_PHANTOM_target - 1);
        }
        ss_shape_draw(&s, family, &d);
        o->family = family;
        const bool odd = ss_draw_uniform(&d, 0, 1) < spec->odd && k > 0;
        o->contrast = (odd ? -sign : sign) * ss_draw_range(&d, spec->contrast, false);
        if (!place(p, &d, &s, o, k + 1)) continue;
        used |= 1 << family;
        stamp(p, o, ++p->info->objects);
    }
}

/* ---- speckle -------------------------------------------------------------------------- */

enum { RADIUS = 32, MOST_SIDE = 512 };

/* Convolves a line with a Gaussian; where the line ends the kernel is cut. Each output has the
 * variance of the input, so speckle keeps its power whatever sigma and wherever it is. */
static void smooth_line(float *v, int64_t n, int64_t stride, double sigma, float *copy)
{
    float w[RADIUS + 1], whole = 1;
    int r = (int)(4 * sigma + 0.5);
    if (r > RADIUS) r = RADIUS;
    w[0] = 1;
    for (int i = 1; i <= r; i++) {
        w[i] = (float)exp(-0.5 * i * i / (sigma * sigma));
        whole += 2 * w[i] * w[i];
    }
    for (int64_t i = 0; i < n; i++) copy[i] = v[i * stride];
    for (int64_t i = 0; i < n; i++) {
        const int lo = i < r ? (int)i : r, hi = n - 1 - i < r ? (int)(n - 1 - i) : r;
        float sum = copy[i], power = whole;
        for (int j = 1; j <= lo; j++) sum += w[j] * copy[i - j];
        for (int j = 1; j <= hi; j++) sum += w[j] * copy[i + j];
        for (int j = lo + 1; j <= r; j++) power -= w[j] * w[j];
        for (int j = hi + 1; j <= r; j++) power -= w[j] * w[j];
        v[i * stride] = sum / sqrtf(power);
    }
}

/* Separable point spread: lateral and elevational widths grow with depth. */
static void point_spread(const phantom *p, float *v)
{
    const int64_t d = p->size[0], h = p->size[1], w = p->size[2];
    for (int64_t y = 0; y < h; y++) {
        const double t = (double)y / (double)(h - 1);
        const double sigma = p->info->lateral * (1 + p->info->widening * t);
        for (int64_t z = 0; z < d; z++) smooth_line(v + (z * h + y) * w, w, 1, sigma, p->row);
        for (int64_t x = 0; x < w; x++) smooth_line(v + y * w + x, d, h * w, sigma, p->row);
    }
    for (int64_t z = 0; z < d; z++)
        for (int64_t x = 0; x < w; x++)
            smooth_line(v + z * h * w + x, h, w, p->info->axial, p->row);
}

/* Circular complex scatterers of mean power 1, times the echogenicity, under the point spread. */
static void scatter(phantom *p)
{
    const uint64_t key = ss_draw_from(p->spec->seed, p->spec->index, SCATTER).key;
    for (int64_t i = 0; i < p->count; i += 2) {
        float z[4];
        ss_normal4(key, (uint64_t)i / 2, z);
        for (int64_t k = i; k < i + 2 && k < p->count; k++) {
            const float a = 0.70710678f * powf(10, p->db[k] / 20);
            p->re[k] = a * z[2 * (k - i)];
            p->im[k] = a * z[2 * (k - i) + 1];
        }
    }
    point_spread(p, p->re);
    point_spread(p, p->im);
}

/* ---- propagation and display ------------------------------------------------------------ */

static void draw_physics(phantom *p)
{
    const ss_phantom_spec *s = p->spec;
    ss_phantom_info *f = p->info;
    ss_draw d = ss_draw_from(s->seed, s->index, PHYSICS);
    const double h = (double)p->size[1];
    f->warp = ss_draw_range(&d, s->warp, false);
    f->wall = ss_draw_range(&d, s->wall, false);
    f->texture = ss_draw_range(&d, s->texture, false);
    f->axial = ss_draw_range(&d, s->axial, false);
    f->lateral = ss_draw_range(&d, s->lateral, false);
    f->widening = ss_draw_range(&d, s->widening, false);
    f->attenuation = ss_draw_range(&d, s->attenuation, false);
    f->tgc = ss_draw_range(&d, s->tgc, false);
    f->reverberation = ss_draw_range(&d, s->reverberation, false);
    f->delay = (int64_t)ss_draw_uniform(&d, 0.1 * h, 0.3 * h);
    f->floor = ss_draw_range(&d, s->floor, false);
    f->dynamic = ss_draw_range(&d, s->dynamic, false);
    f->level = ss_draw_range(&d, s->level, false);
    f->fan = ss_draw_uniform(&d, 0, 1) < s->fan ? ss_draw_uniform(&d, 33, 42) : 0;
    f->shadows = (int)ss_draw_range(&d, s->shadows, true);
    for (int k = 0; k < f->shadows; k++) {
        ss_phantom_shadow *a = &f->shadow[k];
        a->z = ss_draw_uniform(&d, 0, (double)(p->size[0] - 1));
        a->x = ss_draw_uniform(&d, 0, (double)(p->size[2] - 1));
        a->onset = ss_draw_uniform(&d, 0.05, 0.6) * h;
        a->width_z = ss_draw_uniform(&d, 0.1, 0.4) * p->half;
        a->width_x = ss_draw_uniform(&d, 0.08, 0.2) * p->half;
        a->loss = ss_draw_range(&d, s->loss, false);
    }
}

/* What shadows leave of the amplitude at a voxel. */
static double lit(const ss_phantom_info *f, double z, double y, double x)
{
    double left = 1;
    for (int k = 0; k < f->shadows; k++) {
        const ss_phantom_shadow *a = &f->shadow[k];
        if (y <= a->onset) continue;
        const double u = (z - a->z) / a->width_z, v = (x - a->x) / a->width_x;
        left *= 1 - a->loss * fmin((y - a->onset) / 2, 1) * exp(-0.5 * (u * u + v * v));
    }
    return left;
}

/* Attenuation, shadows, then a weaker copy of the echo `delay` deeper. */
static void propagate(phantom *p)
{
    const ss_phantom_info *f = p->info;
    const int64_t d = p->size[0], h = p->size[1], w = p->size[2], delay = f->delay;
    for (int64_t z = 0; z < d; z++)
        for (int64_t y = 0; y < h; y++) {
            const double t = (double)y / (double)(h - 1);
            const double gain = pow(10, (f->tgc - f->attenuation) * t / 20);
            float *re = p->re + (z * h + y) * w, *im = p->im + (z * h + y) * w;
            for (int64_t x = 0; x < w; x++) {
                const float g = (float)(gain * lit(f, (double)z, (double)y, (double)x));
                re[x] *= g;
                im[x] *= g;
            }
        }
    const float copy = (float)f->reverberation;
    if (copy == 0 || delay < 1) return;
    for (int64_t z = 0; z < d; z++)
        for (int64_t y = h - 1; y >= delay; y--) { /* upwards: the source row is still direct */
            float *re = p->re + (z * h + y) * w, *im = p->im + (z * h + y) * w;
            for (int64_t x = 0; x < w; x++) {
                re[x] += copy * re[x - delay * w];
                im[x] += copy * im[x - delay * w];
            }
        }
}

/* Inside the field of view: a fan from an apex above the middle of the top edge. */
static bool in_fan(const phantom *p, int64_t y, int64_t x)
{
    if (p->info->fan == 0) return true;
    const double slope = tan(p->info->fan * 3.141592653589793 / 180);
    const double apex = 0.35 * p->half / slope; /* above the top: 0.35 of half the side is open */
    const double across = fabs((double)x - (double)(p->size[2] - 1) / 2), down = (double)y + apex;
    const double bottom = (double)(p->size[1] - 1) + apex;
    return across <= slope * down && across * across + down * down <= bottom * bottom;
}

/* What the probe does not see has no label. */
static void hide(phantom *p, int64_t i)
{
    if (p->objects[i]) p->info->object[p->objects[i] - 1].voxels--;
    p->objects[i] = 0;
}

static void display(phantom *p, float *image)
{
    const ss_phantom_info *f = p->info;
    const uint64_t key = ss_draw_from(p->spec->seed, p->spec->index, NOISE).key;
    const float noise = (float)(pow(10, f->floor / 20) * 0.7071067811865476);
    const double scale = 1 / f->dynamic;
    int64_t i = 0;
    for (int64_t z = 0; z < p->size[0]; z++)
        for (int64_t y = 0; y < p->size[1]; y++)
            for (int64_t x = 0; x < p->size[2]; x++, i++) {
                float n[4];
                if (!in_fan(p, y, x)) {
                    image[i] = 0;
                    hide(p, i);
                    continue;
                }
                ss_normal4(key, (uint64_t)i / 2, n);
                const int64_t k = 2 * (i % 2);
                const double re = (double)(p->re[i] + noise * n[k]);
                const double im = (double)(p->im[i] + noise * n[k + 1]);
                const double db = 10 * log10(re * re + im * im + 1e-30);
                image[i] = (float)fmin(fmax(1 + (db - f->level) * scale, 0), 1);
            }
}

/* ---- the whole --------------------------------------------------------------------------- */

static ss_status paint(phantom *p, float *image)
{
    ss_status s = SS_OK;
    draw_physics(p);
    for (int a = 0; a < 3 && !s; a++)
        s = smooth_field(p, WARP + (uint64_t)a, 3, p->info->warp * p->half, p->warp[a]);
    if (!s) s = smooth_field(p, TEXTURE, 4, p->info->texture, p->db);
    if (s) return s;
    add_objects(p);
    scatter(p);
    propagate(p);
    display(p, image);
    return SS_OK;
}

ss_status ss_phantom_make(const ss_phantom_spec *spec, float *image, uint8_t *objects,
                          ss_phantom_info *info, ss_error *err)
{
    ss_phantom_info unused;
    ss_status s = ss_phantom_check(spec, err);
    if (s) return s;
    phantom p = {.spec = spec, .info = info ? info : &unused, .objects = objects, .count = 1};
    double least = MOST_SIDE;
    for (int a = 0; a < 3; a++) {
        p.size[a] = spec->size[a];
        p.count *= p.size[a];
        least = fmin(least, (double)p.size[a]);
    }
    p.half = least / 2;
    *p.info = (ss_phantom_info){0};
    memset(objects, 0, (size_t)p.count);
    /* Warp and distances are done with before the field is made: they share memory. */
    float *memory = malloc(((size_t)p.count * 5 + MOST_SIDE) * sizeof(float));
    if (!memory)
        return ss_error_set(err, SS_E_NOMEM, "phantom: no memory for %lld voxels",
                            (long long)p.count);
    for (int a = 0; a < 3; a++) p.warp[a] = memory + a * p.count;
    p.distance = memory + 3 * p.count;
    p.db = memory + 4 * p.count;
    p.row = memory + 5 * p.count;
    p.re = p.warp[0];
    p.im = p.warp[1];
    s = paint(&p, image);
    free(memory);
    if (s) return ss_error_set(err, s, "phantom: no memory for a smooth field");
    return SS_OK;
}
