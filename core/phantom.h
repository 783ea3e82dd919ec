/* phantom.h — synthetic ultrasound volumes with known objects.
 *
 * Everything is a function of (seed, index) and the settings: shapes under a random pose and a
 * smooth warp, an echogenicity map in dB, fully developed speckle (a complex Gaussian field under a
 * point-spread function), attenuation, shadows and log compression. Axes are z, y, x; the probe is
 * at y = 0 and sound travels along +y. Knows no tensors and may run on any thread. */
#ifndef SEMISAM_PHANTOM_H
#define SEMISAM_PHANTOM_H
#include "error.h"

/* X(name): the last one, two unequal lobes joined by a bent bridge, is the target of studies; the
 * others serve as distractors and to train a generalist that never sees the target. */
#define SS_PHANTOM_FAMILY_MAP(X)                                                                   \
    X(ellipsoid) X(box) X(torus) X(capsule) X(cone) X(cross) X(blob) X(target)
typedef enum {
#define X(name) SS_PHANTOM_##name,
    SS_PHANTOM_FAMILY_MAP(X)
#undef X
        SS_PHANTOM_FAMILIES,
    SS_PHANTOM_any = SS_PHANTOM_FAMILIES /* drawn from all but the target */
} ss_phantom_family;
const char *ss_phantom_family_name(int family);

typedef struct ss_range {
    double lo, hi; /* drawn uniformly; lo == hi fixes the value */
} ss_range;

/* X(name, lo, hi, least, most, meaning): default range and the limits of what is accepted. */
#define SS_PHANTOM_RANGE_MAP(X)                                                                    \
    X(fraction, 0.02, 0.08, 0.0005, 0.4, "part of the volume that the first object takes")         \
    X(distractor, 0.01, 0.05, 0.0005, 0.4, "part of the volume that each other object takes")      \
    X(distractors, 1, 3, 0, 8, "how many other objects, whole numbers")                            \
    X(offset, -0.28, 0.28, -1, 1, "centre of the first object, half sides of the volume")          \
    X(tilt, -20, 20, -180, 180, "turn of a target about each axis, degrees")                       \
    X(warp, 0.02, 0.05, 0, 0.2, "rms of the smooth warp, half sides of the volume")                \
    X(contrast, 5, 9, 0, 40, "echogenicity of objects against the background, dB either way")      \
    X(texture, 2, 2, 0, 20, "rms of the smooth echogenicity of the background, dB")                \
    X(wall, 0, 0, 0, 40, "extra echo of the objects' surface, dB")                                 \
    X(axial, 0.45, 0.7, 0.2, 4, "sigma of the point spread along the beam, voxels")                \
    X(lateral, 0.8, 1.3, 0.2, 4, "sigma of the point spread across the beam at the probe, voxels") \
    X(widening, 0, 0.4, 0, 1, "relative growth of the lateral sigma over the depth")               \
    X(attenuation, 0, 8, 0, 60, "loss over the depth, dB")                                         \
    X(tgc, -2, 2, -40, 40, "error of the depth compensation at full depth, dB")                    \
    X(shadows, 0, 2, 0, 8, "how many shadow columns, whole numbers")                               \
    X(loss, 0.4, 0.85, 0, 1, "part of the amplitude that a shadow takes")                          \
    X(reverberation, 0, 0.15, 0, 1, "amplitude of a delayed copy of the echo")                     \
    X(floor, -40, -40, -200, 0, "receive noise, dB against the background")                        \
    X(dynamic, 40, 55, 10, 120, "dynamic range of the display, dB")                                \
    X(level, 12, 17, -40, 60, "amplitude shown as white, dB against the background")

typedef struct ss_phantom_spec {
    uint64_t seed, index;
    int64_t size[3];          /* voxels in z, y, x, each 8 to 512 */
    ss_phantom_family family; /* of the first object, the labelled one */
    double dark;              /* probability that objects are darker than the background */
    double odd;               /* probability that a distractor has the other polarity */
    double fan;               /* probability of a fan-shaped field of view, 0 outside */
#define X(name, lo, hi, least, most, meaning) ss_range name;
    SS_PHANTOM_RANGE_MAP(X)
#undef X
} ss_phantom_spec;

enum { SS_PHANTOM_OBJECTS = 9 };

/* What was drawn. */
typedef struct ss_phantom_object {
    int family;
    double centre[3]; /* voxels from 0, z, y, x */
    double turn[9];   /* rotation, rows: object axes in z, y, x */
    double scale;     /* unit shape to voxels */
    double contrast;  /* dB, negative is dark */
    int64_t voxels;   /* inside */
} ss_phantom_object;

typedef struct ss_phantom_shadow {
    double z, x, onset; /* column's middle and first depth, voxels */
    double width_z, width_x;
    double loss;
} ss_phantom_shadow;

typedef struct ss_phantom_info {
    int objects, shadows;
    ss_phantom_object object[SS_PHANTOM_OBJECTS];
    ss_phantom_shadow shadow[8];
    double fan;    /* half opening angle in degrees; 0: none */
    int64_t delay; /* of the reverberation, voxels */
    /* the values drawn from the ranges that hold for the whole volume */
    double warp, wall, texture, axial, lateral, widening, attenuation, tgc, reverberation, floor,
        dynamic, level;
} ss_phantom_info;

/* The defaults above: a dark target at 32^3. */
void ss_phantom_defaults(ss_phantom_spec *spec);
/* ss_phantom_check() — E_ARG and a sentence if a setting is out of range. */
ss_status ss_phantom_check(const ss_phantom_spec *spec, ss_error *err);
/* ss_phantom_make() — fills image[d*h*w] (0..1) and objects[d*h*w] (1 the labelled object, 2.. the
 * others, 0 background). info may be NULL. Fails as ss_phantom_check() does, or with E_NOMEM. */
ss_status ss_phantom_make(const ss_phantom_spec *spec, float *image, uint8_t *objects,
                          ss_phantom_info *info, ss_error *err);
#endif
