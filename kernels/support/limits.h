/* limits.h — the optional limits of clamp and its gradient. */
#ifndef SEMISAM_LIMITS_H
#define SEMISAM_LIMITS_H
#include "../op.h"
#include "nearest.h"
#include <math.h>

static inline void ss_limits(float *f, const ss_attr *attr)
{
    f[0] = attr[0].n < 0 ? -INFINITY : (float)attr[0].num;
    f[1] = attr[1].n < 0 ? INFINITY : (float)attr[1].num;
}
/* The first and last whole number within them. */
static inline void ss_whole_limits(int64_t *i, const ss_attr *attr)
{
    i[0] = attr[0].n < 0 ? INT64_MIN : ss_nearest_i64(ceil(attr[0].num));
    i[1] = attr[1].n < 0 ? INT64_MAX : ss_nearest_i64(floor(attr[1].num));
}
#endif
