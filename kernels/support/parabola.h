/* parabola.h — lower envelopes of parabolas, for the CPU and the CUDA device. */
#ifndef SEMISAM_PARABOLA_H
#define SEMISAM_PARABOLA_H
#include "both.h"

/* From where on the parabola at q lies below that at p < q; gq and gp are their lowest values and
 * `unit` the square of the step between neighbours. */
SS_BOTH double ss_parabolas_meet(double gq, int64_t q, double gp, int64_t p, double unit)
{
    return ((gq - gp) / unit + (double)(q * q - p * p)) / (double)(2 * (q - p));
}

/* The parabola at p, at i. */
SS_BOTH double ss_parabola(double gp, int64_t p, int64_t i, double step)
{
    const double away = ss_prod(step, (double)(i - p));
    return gp + ss_prod(away, away);
}

/* `voxels` steps away, squared. */
SS_BOTH float ss_steps_squared(float voxels, double step)
{
    const double away = ss_prod(step, (double)voxels);
    return (float)ss_prod(away, away);
}
#endif
