/* nearest.h — numbers to integers. */
#ifndef SEMISAM_NEAREST_H
#define SEMISAM_NEAREST_H
#include "both.h"
#include <math.h>
#include <stdint.h>

/* Nearest integer, ties to even; out of range goes to the nearest limit, NaN to 0. */
SS_BOTH int64_t ss_nearest_i64(double x)
{
    if (x != x) return 0;
    if (x >= 9223372036854775808.0) return INT64_MAX;
    if (x <= -9223372036854775808.0) return INT64_MIN;
    return (int64_t)rint(x);
}
#endif
