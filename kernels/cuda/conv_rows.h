/* conv_rows.h — which row of x a tap of the kernel takes to which row of y. */
#ifndef SEMISAM_CUDA_CONV_ROWS_H
#define SEMISAM_CUDA_CONV_ROWS_H
#include "conv.h"
#include "cuda.h"

/* Where row `r` of an array [n, size..] lies: batch and position. */
struct ss_place {
    int64_t n, at[3];
};
SS_DEVICE ss_place ss_place_of(int64_t r, const int64_t *size)
{
    ss_place p;
    p.at[2] = r % size[2], r /= size[2];
    p.at[1] = r % size[1], r /= size[1];
    p.at[0] = r % size[0], p.n = r / size[0];
    return p;
}
SS_DEVICE int64_t ss_row_of(const ss_place &p, const int64_t *size)
{
    return ((p.n * size[0] + p.at[0]) * size[1] + p.at[1]) * size[2] + p.at[2];
}
SS_DEVICE int64_t ss_tap_along(const ss_conv &q, int axis, int64_t tap)
{
    return axis == 0 ? tap / (q.k[1] * q.k[2]) : axis == 1 ? tap / q.k[2] % q.k[1] : tap % q.k[2];
}
/* The row of x that tap `tap` of row r of y reads; -1 outside. */
SS_DEVICE int64_t ss_source(const ss_conv &q, int64_t r, int64_t tap)
{
    ss_place p = ss_place_of(r, q.y);
    for (int a = 0; a < 3; a++) {
        p.at[a] = p.at[a] * q.step[a] - q.pad[a] + ss_tap_along(q, a, tap) * q.dilation[a];
        if (p.at[a] < 0 || p.at[a] >= q.x[a]) return -1;
    }
    return ss_row_of(p, q.x);
}
/* The row of y whose tap `tap` reads row r of x; -1 when there is none. */
SS_DEVICE int64_t ss_target(const ss_conv &q, int64_t r, int64_t tap)
{
    ss_place p = ss_place_of(r, q.x);
    for (int a = 0; a < 3; a++) {
        const int64_t at = p.at[a] + q.pad[a] - ss_tap_along(q, a, tap) * q.dilation[a];
        if (at < 0 || at % q.step[a] || at / q.step[a] >= q.y[a]) return -1;
        p.at[a] = at / q.step[a];
    }
    return ss_row_of(p, q.y);
}
#endif
