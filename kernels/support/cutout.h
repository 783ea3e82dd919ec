/* cutout.h — which voxels a box of real corners covers, for the CPU and the CUDA device. */
#ifndef SEMISAM_CUTOUT_H
#define SEMISAM_CUTOUT_H
#include "both.h"

/* First and one past the last index inside [lo, hi] of an axis; NaN corners select nothing. */
SS_BOTH void ss_cutout_range(float lo, float hi, int64_t size, int64_t out[2])
{
    const double a = ceil((double)lo), b = floor((double)hi);
    out[0] = out[1] = 0;
    if (!(a <= b) || !(b >= 0) || !(a < (double)size)) return;
    out[0] = (int64_t)fmax(a, 0.0);
    out[1] = (int64_t)fmin(b, (double)(size - 1)) + 1;
}
#endif
