/* rayleigh.h — the numbers of speckle, for the CPU and the CUDA device. */
#ifndef SEMISAM_RAYLEIGH_H
#define SEMISAM_RAYLEIGH_H
#include "philox.h"

/* Deviation of a Rayleigh variable of mean 1: sqrt(4 / pi - 1); and its scale: sqrt(2 / pi). */
#define SS_RAYLEIGH_STD 0.522723201f
#define SS_RAYLEIGH_SCALE 0.797884561f

/* The factor that word u gives: a Rayleigh variable of mean 1, drawn to 1 by 1 - part. */
SS_BOTH float ss_speckle(uint32_t u, float part)
{
    const float r = SS_RAYLEIGH_SCALE * ss_rayleigh(u);
    return 1 + ss_prodf(part, r - 1);
}
#endif
