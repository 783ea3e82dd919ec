/* grid_slope.h — how a linear grid_sample moves with its position, for the CPU and the CUDA
 * device. */
#ifndef SEMISAM_GRID_SLOPE_H
#define SEMISAM_GRID_SLOPE_H
#include "sample.h"

/* The value at integer position (z,y,x), channel k. */
SS_BOTH double ss_grid_value(const float *x, const ss_images *m, const int64_t i[3], int64_t k,
                             double outside, int border)
{
    int64_t j[3];
    for (int a = 0; a < 3; a++) {
        j[a] = i[a];
        if (border == SS_CLAMPED) {
            if (j[a] > m->size[a] - 1) j[a] = m->size[a] - 1;
            if (j[a] < 0) j[a] = 0;
        }
        if (j[a] < 0 || j[a] >= m->size[a]) return outside;
    }
    return (double)x[((j[0] * m->size[1] + j[1]) * m->size[2] + j[2]) * m->c + k];
}

/* sum[a] = the slope along axis a of dy . sample, over channels k, k + step ..; 0 where the sample
 * does not move with the position. */
SS_BOTH void ss_grid_slope(const float *dy, const float *x, const float *at, const ss_images *m,
                           double outside, int border, int64_t k0, int64_t step, double sum[3])
{
    double base[3], part[3];
    bool still = false;
    for (int a = 0; a < 3; a++) {
        sum[a] = 0;
        still = still || !(fabs((double)at[a]) < 1e9);
        base[a] = floor((double)at[a]);
        part[a] = (double)at[a] - base[a];
    }
    for (int corner = 0; corner < 8 && !still; corner++) {
        const int bit[3] = {corner >> 2, corner >> 1 & 1, corner & 1};
        int64_t i[3];
        double w[3], v = 0;
        for (int a = 0; a < 3; a++) {
            i[a] = (int64_t)base[a] + bit[a];
            w[a] = bit[a] ? part[a] : 1 - part[a];
        }
        for (int64_t k = k0; k < m->c; k += step)
            v += ss_prod((double)dy[k], ss_grid_value(x, m, i, k, outside, border));
        for (int a = 0; a < 3; a++)
            sum[a] += ss_prod(v * (bit[a] ? 1 : -1) * w[(a + 1) % 3], w[(a + 2) % 3]);
    }
}
#endif
