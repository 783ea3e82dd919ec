/* beta.c — beta-distributed random numbers, counted by key.
 *
 * beta = g1 / (g1 + g2) with two gamma draws (Marsaglia, Tsang: A simple method for generating
 * gamma variables. TOMS 2000), kept as logarithms: for small shapes both draws underflow. */
#include "cpu.h"
#include "support/philox.h"

/* Logarithm of a gamma(shape >= 1) draw. Attempt t of element i uses block i of stream t, so that
 * the number of rejections of one element does not move its neighbours. *stream is advanced. */
static double log_gamma_draw(uint64_t key, uint64_t i, uint64_t *stream, double shape)
{
    const double d = shape - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        uint32_t u[4];
        float z, unused;
        ss_philox_at(key, i, (*stream)++, u);
        ss_normal2(u[0], u[1], &z, &unused);
        const double x = (double)z, root = 1.0 + c * x, v = root * root * root;
        if (root <= 0) continue;
        const double accept = (double)ss_uniform01_open(u[2]);
        if (log(accept) < 0.5 * x * x + d - d * v + d * log(v)) return log(d * v);
    }
}

static double log_gamma_any(uint64_t key, uint64_t i, uint64_t *stream, double shape)
{
    if (shape >= 1) return log_gamma_draw(key, i, stream, shape);
    /* gamma(s) = gamma(s + 1) * U^(1/s) */
    uint32_t u[4];
    ss_philox_at(key, i, (*stream)++, u);
    const double boost = log((double)ss_uniform01_open(u[0])) / shape;
    return boost + log_gamma_draw(key, i, stream, shape + 1);
}

static ss_status infer(ss_call *c)
{
    const double a = c->attr[2].num, b = c->attr[3].num;
    if (!(a > 0 && a <= 1e6) || !(b > 0 && b <= 1e6))
        return ss_fail(c, SS_E_ARG, "a and b must be in (0, 1e6], got %g and %g", a, b);
    return ss_out(c, 0, SS_F32, c->attr[0].n, c->attr[0].v);
}

static ss_status cpu(ss_call *c)
{
    const uint64_t key = (uint64_t)c->attr[1].v[0];
    const double a = c->attr[2].num, b = c->attr[3].num;
    float *y = ss_out_f32(c, 0);
    SS_PARALLEL_FOR (i, c->out[0].count, 64) {
        uint64_t stream = 0;
        const double la = log_gamma_any(key, (uint64_t)i, &stream, a);
        const double lb = log_gamma_any(key, (uint64_t)i, &stream, b);
        y[i] = (float)(1.0 / (1.0 + exp(lb - la)));
    }
    return SS_OK;
}

const ss_op SS_OP(beta) = {
    .name = "beta",
    .sig = "shape: shape, key: int, a: number, b: number",
    .doc = "Random numbers in [0, 1] of density proportional to x^(a-1) (1-x)^(b-1), mean a/(a+b). "
           "Element i depends on (key, i) alone.",
    .infer = infer,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD | SS_OP_RANDOM,
};
