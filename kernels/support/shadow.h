/* shadow.h — how much of an echo an acoustic shadow leaves, for the CPU and the CUDA device. */
#ifndef SEMISAM_SHADOW_H
#define SEMISAM_SHADOW_H
#include "both.h"

/* The arguments of shadow, in its order. */
typedef struct ss_shadow {
    double a, b, width_a, width_b, onset, strength, spread, tilt_a, tilt_b;
} ss_shadow;

/* What is left of the echo at (depth, a, b): 1 before the onset. */
SS_BOTH float ss_shadow_left(const ss_shadow *p, double depth, double a, double b)
{
    const double below = depth - p->onset;
    if (!(below > 0)) return 1;
    const double wa = p->width_a + ss_prod(p->spread, below);
    const double wb = p->width_b + ss_prod(p->spread, below);
    const double da = (a - p->a - ss_prod(p->tilt_a, below)) / wa;
    const double db = (b - p->b - ss_prod(p->tilt_b, below)) / wb;
    const double onset = fmin(below / 2, 1.0); /* full after two voxels */
    const double away = ss_prod(da, da) + ss_prod(db, db);
    return (float)(1 - ss_prod(p->strength * onset, exp(-0.5 * away)));
}
#endif
