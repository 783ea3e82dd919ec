/* beta.h — one beta-distributed number, for the CPU and the CUDA device.
 *
 * beta = g1 / (g1 + g2) with two gamma draws (Marsaglia, Tsang: A simple method for generating
 * gamma variables. TOMS 2000), kept as logarithms: for small shapes both draws underflow. */
#ifndef SEMISAM_BETA_H
#define SEMISAM_BETA_H
#include "philox.h"

/* Logarithm of a gamma(shape >= 1) draw. Attempt t of element i uses block i of stream t, so that
 * the number of rejections of one element does not move its neighbours. *stream is advanced. */
SS_BOTH double ss_log_gamma_draw(uint64_t key, uint64_t i, uint64_t *stream, double shape)
{
    const double d = shape - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        uint32_t u[4];
        float z, unused;
        ss_philox_at(key, i, (*stream)++, u);
        ss_normal2(u[0], u[1], &z, &unused);
        const double x = (double)z, root = 1.0 + ss_prod(c, x), v = root * root * root;
        if (root <= 0) continue;
        const double accept = (double)ss_uniform01_open(u[2]);
        const double most =
            ss_prod(0.5 * x, x) + d - ss_prod(d, v) + ss_prod(d, log(v)); /* of log(accept) */
        if (log(accept) < most) return log(d * v);
    }
}

SS_BOTH double ss_log_gamma_any(uint64_t key, uint64_t i, uint64_t *stream, double shape)
{
    if (shape >= 1) return ss_log_gamma_draw(key, i, stream, shape);
    /* gamma(s) = gamma(s + 1) * U^(1/s) */
    uint32_t u[4];
    ss_philox_at(key, i, (*stream)++, u);
    const double boost = log((double)ss_uniform01_open(u[0])) / shape;
    return boost + ss_log_gamma_draw(key, i, stream, shape + 1);
}

/* Number i of the key's beta(a, b) numbers. */
SS_BOTH float ss_beta(uint64_t key, uint64_t i, double a, double b)
{
    uint64_t stream = 0;
    const double la = ss_log_gamma_any(key, i, &stream, a);
    const double lb = ss_log_gamma_any(key, i, &stream, b);
    return (float)(1.0 / (1.0 + exp(lb - la)));
}
#endif
