/* scale_u8.h — one element of scale_u8, for the CPU and the CUDA device. */
#ifndef SEMISAM_SCALE_U8_H
#define SEMISAM_SCALE_U8_H
#include "both.h"

SS_BOTH uint8_t ss_scale_u8(float x, double lo, double hi, bool keep_zero)
{
    const double w = (double)x, t = w > lo ? (w < hi ? w : hi) : lo; /* NaN: lo */
    const double s = hi > lo ? (t - lo) / (hi - lo) * 255 : 0;
    return keep_zero && w == 0 ? 0 : (uint8_t)s;
}
#endif
