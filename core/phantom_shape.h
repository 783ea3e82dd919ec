/* phantom_shape.h — the object families as signed distance functions, and the numbers drawn. */
#ifndef SEMISAM_PHANTOM_SHAPE_H
#define SEMISAM_PHANTOM_SHAPE_H
#include "phantom.h"
#include "support/philox.h"

/* A sequence of random numbers of its own. */
typedef struct ss_draw {
    uint64_t key, next;
} ss_draw;
ss_draw ss_draw_from(uint64_t seed, uint64_t index, uint64_t purpose);
double ss_draw_uniform(ss_draw *d, double lo, double hi);
/* In a range; whole numbers lo..hi both included with `whole`. */
double ss_draw_range(ss_draw *d, ss_range r, bool whole);

enum { SS_SHAPE_PATH = 9 };

/* A shape of about unit size around the origin. */
typedef struct ss_shape {
    int family;
    double p[4];                   /* family's own measures */
    double path[SS_SHAPE_PATH][3]; /* target: the bridge */
    double wave[5][5];             /* blob: direction, frequency, phase */
} ss_shape;

void ss_shape_draw(ss_shape *s, int family, ss_draw *d);
/* Signed distance at q (z, y, x), negative inside; exact or a lower bound in magnitude. */
double ss_shape_distance(const ss_shape *s, const double q[3]);
double ss_shape_volume(const ss_shape *s); /* by counting on a grid */
enum { SS_SHAPE_REACH_PERCENT = 130 };     /* all shapes lie within 1.3 of the origin */

/* Rotation (rows) by a uniformly random quaternion, or by angles in degrees about z, y, x. */
void ss_turn_random(ss_draw *d, double turn[9]);
void ss_turn_angles(const double degrees[3], double turn[9]);
#endif
