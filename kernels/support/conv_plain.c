/* conv_plain.c — convolutions as their definition says, on f32. */
#include "../cpu.h"
#include "conv.h"

/* Position in x that tap k of output o reads, -1 outside. */
static int64_t source(const ss_conv *q, int i, int64_t o, int64_t k)
{
    const int64_t at = o * q->step[i] - q->pad[i] + k * q->dilation[i];
    return at >= 0 && at < q->x[i] ? at : -1;
}

/* Output whose tap k reads position `at` of x, -1 when there is none. */
static int64_t target(const ss_conv *q, int i, int64_t at, int64_t k)
{
    const int64_t t = at + q->pad[i] - k * q->dilation[i];
    if (t < 0 || t % q->step[i]) return -1;
    return t / q->step[i] < q->y[i] ? t / q->step[i] : -1;
}

void ss_conv_plain_y(const ss_conv *q, const float *x, const float *w, const float *b, float *y)
{
    const int64_t gc = q->c / q->groups, go = q->o / q->groups, taps = ss_conv_volume(q->k);
    SS_PARALLEL_FOR (r, q->n * ss_conv_volume(q->y), q->o * gc * taps) {
        const int64_t ow = r % q->y[2], oh = r / q->y[2] % q->y[1],
                      od = r / (q->y[2] * q->y[1]) % q->y[0], n = r / ss_conv_volume(q->y);
        for (int64_t o = 0; o < q->o; o++) {
            double sum = b ? (double)b[o] : 0.0;
            for (int64_t t = 0; t < taps; t++) {
                const int64_t d = source(q, 0, od, t / (q->k[1] * q->k[2]));
                const int64_t h = source(q, 1, oh, t / q->k[2] % q->k[1]);
                const int64_t v = source(q, 2, ow, t % q->k[2]);
                if (d < 0 || h < 0 || v < 0) continue;
                const float *xp =
                    x + (((n * q->x[0] + d) * q->x[1] + h) * q->x[2] + v) * q->c + o / go * gc;
                const float *wp = w + o * gc * taps + t;
                for (int64_t i = 0; i < gc; i++) sum += (double)xp[i] * (double)wp[i * taps];
            }
            y[r * q->o + o] = (float)sum;
        }
    }
}

void ss_conv_plain_x(const ss_conv *q, const float *y, const float *w, const float *b, float *x)
{
    const int64_t gc = q->c / q->groups, go = q->o / q->groups, taps = ss_conv_volume(q->k);
    SS_PARALLEL_FOR (r, q->n * ss_conv_volume(q->x), q->c * go * taps) {
        const int64_t xw = r % q->x[2], xh = r / q->x[2] % q->x[1],
                      xd = r / (q->x[2] * q->x[1]) % q->x[0], n = r / ss_conv_volume(q->x);
        for (int64_t i = 0; i < q->c; i++) {
            double sum = b ? (double)b[i] : 0.0;
            for (int64_t t = 0; t < taps; t++) {
                const int64_t d = target(q, 0, xd, t / (q->k[1] * q->k[2]));
                const int64_t h = target(q, 1, xh, t / q->k[2] % q->k[1]);
                const int64_t v = target(q, 2, xw, t % q->k[2]);
                if (d < 0 || h < 0 || v < 0) continue;
                const int64_t o0 = i / gc * go;
                const float *yp = y + (((n * q->y[0] + d) * q->y[1] + h) * q->y[2] + v) * q->o + o0;
                const float *wp = w + (o0 * gc + i % gc) * taps + t;
                for (int64_t o = 0; o < go; o++) sum += (double)yp[o] * (double)wp[o * gc * taps];
            }
            x[r * q->c + i] = (float)sum;
        }
    }
}

void ss_conv_plain_w(const ss_conv *q, const float *x, const float *y, float *w)
{
    const int64_t gc = q->c / q->groups, go = q->o / q->groups, taps = ss_conv_volume(q->k);
    SS_PARALLEL_FOR (r, q->o * gc * taps, q->n * ss_conv_volume(q->y)) {
        const int64_t t = r % taps, o = r / (taps * gc), i = r / taps % gc + o / go * gc;
        const int64_t kd = t / (q->k[1] * q->k[2]), kh = t / q->k[2] % q->k[1], kw = t % q->k[2];
        double sum = 0;
        for (int64_t n = 0; n < q->n; n++)
            for (int64_t od = 0; od < q->y[0]; od++)
                for (int64_t oh = 0; oh < q->y[1]; oh++)
                    for (int64_t ow = 0; ow < q->y[2]; ow++) {
                        const int64_t d = source(q, 0, od, kd), h = source(q, 1, oh, kh),
                                      v = source(q, 2, ow, kw);
                        if (d < 0 || h < 0 || v < 0) continue;
                        const int64_t at = ((n * q->x[0] + d) * q->x[1] + h) * q->x[2] + v;
                        const int64_t to = ((n * q->y[0] + od) * q->y[1] + oh) * q->y[2] + ow;
                        sum += (double)x[at * q->c + i] * (double)y[to * q->o + o];
                    }
        w[r] = (float)sum;
    }
}
