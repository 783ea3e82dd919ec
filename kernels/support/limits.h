/* limits.h — the optional limits of clamp and its gradient. */
#ifndef SEMISAM_LIMITS_H
#define SEMISAM_LIMITS_H
#include "strided.h"

static inline void ss_limits(float *f, const ss_attr *attr)
{
    f[0] = attr[0].n < 0 ? -INFINITY : (float)attr[0].num;
    f[1] = attr[1].n < 0 ? INFINITY : (float)attr[1].num;
}
#endif
