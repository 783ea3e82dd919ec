/* vmath.h — log(1 + t) beside the functions of vecmath.h. */
#ifndef SEMISAM_VMATH_H
#define SEMISAM_VMATH_H
#include "vecmath.h"

/* log(1 + t) for 0 <= t <= 1. */
static inline float ss_log1pf(float t)
{
    float u = 1.0f + t;
    return ss_logf(u) + (t - (u - 1.0f)) / u;
}
#endif
