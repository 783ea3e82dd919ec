/* depthwise.h — volume convolutions with one kernel per channel, channels last, on f32.
 *
 * Weights come transposed to [tap, channel], so that every inner loop runs over channels. */
#ifndef SEMISAM_DEPTHWISE_H
#define SEMISAM_DEPTHWISE_H
#include "../cpu.h"
#include "conv.h"

enum { SS_DW_BLOCK = 32, SS_DW_LANES = 16 };

static inline void ss_depthwise_weights(const ss_conv *q, const float *w, float *wt)
{
    const int64_t taps = ss_conv_volume(q->k);
    for (int64_t c = 0; c < q->c; c++)
        for (int64_t t = 0; t < taps; t++) wt[t * q->c + c] = w[c * taps + t];
}

/* One output position of one block of channels: the taps that fall on `in`, which is laid out as
 * [.., size[0], size[1], size[2], C]. from[i][k] is the position tap k reads along axis i. */
static inline void ss_depthwise_point(const ss_conv *q, const float *in, const int64_t size[3],
                                      const int64_t *const from[3], const float *wt, float *acc,
                                      int64_t n)
{
    for (int64_t kd = 0; kd < q->k[0]; kd++) {
        if (from[0][kd] < 0) continue;
        for (int64_t kh = 0; kh < q->k[1]; kh++) {
            if (from[1][kh] < 0) continue;
            const float *row = in + (from[0][kd] * size[1] + from[1][kh]) * size[2] * q->c;
            const float *wr = wt + (kd * q->k[1] + kh) * q->k[2] * q->c;
            for (int64_t kw = 0; kw < q->k[2]; kw++) {
                if (from[2][kw] < 0) continue;
                const float *p = row + from[2][kw] * q->c, *g = wr + kw * q->c;
                for (int64_t c = 0; c < n; c++) acc[c] += p[c] * g[c];
            }
        }
    }
}

/* Where tap k of output `o` reads (forward), or which output reads position `o` with tap k. */
static inline int64_t ss_depthwise_from(const ss_conv *q, int i, int64_t o, int64_t k, bool back)
{
    if (!back) {
        const int64_t at = o * q->step[i] - q->pad[i] + k * q->dilation[i];
        return at >= 0 && at < q->x[i] ? at : -1;
    }
    const int64_t t = o + q->pad[i] - k * q->dilation[i];
    if (t < 0 || t % q->step[i] || t / q->step[i] >= q->y[i]) return -1;
    return t / q->step[i];
}

enum { SS_DW_TAPS = 64 }; /* longest kernel side the fast loops hold */

static inline bool ss_depthwise_fits(const ss_conv *q)
{
    return q->k[0] <= SS_DW_TAPS && q->k[1] <= SS_DW_TAPS && q->k[2] <= SS_DW_TAPS;
}

/* Forward (in = x, out = y) or data gradient (back: in = y, out = x), plus b when not NULL. */
static inline void ss_depthwise(const ss_conv *q, const float *in, const float *wt, const float *b,
                                float *out, bool back)
{
    const int64_t *is = back ? q->y : q->x, *os = back ? q->x : q->y, C = q->c;
    SS_PARALLEL_FOR (r, q->n * os[0] * os[1], os[2] * C * ss_conv_volume(q->k)) {
        int64_t from[3][SS_DW_TAPS];
        const int64_t *const f[3] = {from[0], from[1], from[2]};
        const float *src = in + r / (os[0] * os[1]) * ss_conv_volume(is) * C;
        for (int64_t k = 0; k < q->k[0]; k++)
            from[0][k] = ss_depthwise_from(q, 0, r / os[1] % os[0], k, back);
        for (int64_t k = 0; k < q->k[1]; k++)
            from[1][k] = ss_depthwise_from(q, 1, r % os[1], k, back);
        for (int64_t v = 0; v < os[2]; v++) {
            float *dst = out + (r * os[2] + v) * C;
            for (int64_t k = 0; k < q->k[2]; k++) from[2][k] = ss_depthwise_from(q, 2, v, k, back);
            for (int64_t c = 0; c < C; c += SS_DW_BLOCK) {
                float acc[SS_DW_BLOCK];
                const int64_t n = ss_min64(SS_DW_BLOCK, C - c);
                for (int64_t i = 0; i < n; i++) acc[i] = b ? b[c + i] : 0.0f;
                if (n == SS_DW_BLOCK) /* a constant count keeps the sums in registers */
                    ss_depthwise_point(q, src + c, is, f, wt + c, acc, SS_DW_BLOCK);
                else
                    ss_depthwise_point(q, src + c, is, f, wt + c, acc, n);
                memcpy(dst + c, acc, (size_t)n * sizeof *acc);
            }
        }
    }
}

/* One row of y against one row of x: acc[kw][lane] += x y. */
static inline void ss_depthwise_row(const ss_conv *q, const float *x, const float *y, int64_t n,
                                    float *acc)
{
    for (int64_t kw = 0; kw < q->k[2]; kw++) {
        float sum[SS_DW_LANES] = {0};
        for (int64_t o = 0; o < q->y[2]; o++) {
            const int64_t at = ss_depthwise_from(q, 2, o, kw, false);
            if (at < 0) continue;
            const float *xp = x + at * q->c, *yp = y + o * q->c;
            for (int64_t c = 0; c < n; c++) sum[c] += xp[c] * yp[c];
        }
        for (int64_t c = 0; c < n; c++) acc[kw * SS_DW_LANES + c] += sum[c];
    }
}

/* Weight gradient: one task per 16 channels and (kd, kh), so that no two write the same sum. */
static inline void ss_depthwise_dw(const ss_conv *q, const float *x, const float *y, float *w)
{
    const int64_t C = q->c, blocks = ss_ceil_div(C, SS_DW_LANES), planes = q->k[0] * q->k[1];
    SS_PARALLEL_FOR (t, blocks * planes, q->n * ss_conv_volume(q->y) * SS_DW_LANES) {
        const int64_t c0 = t / planes * SS_DW_LANES, n = ss_min64(SS_DW_LANES, C - c0);
        const int64_t kd = t % planes / q->k[1], kh = t % q->k[1];
        double total[SS_DW_TAPS][SS_DW_LANES] = {{0}};
        for (int64_t r = 0; r < q->n * q->y[0] * q->y[1]; r++) {
            float acc[SS_DW_TAPS * SS_DW_LANES] = {0};
            const int64_t d = ss_depthwise_from(q, 0, r / q->y[1] % q->y[0], kd, false);
            const int64_t h = ss_depthwise_from(q, 1, r % q->y[1], kh, false);
            if (d < 0 || h < 0) continue;
            const int64_t at = (r / (q->y[0] * q->y[1]) * q->x[0] + d) * q->x[1] + h;
            const float *xr = x + at * q->x[2] * C + c0, *yr = y + r * q->y[2] * C + c0;
            if (n == SS_DW_LANES)
                ss_depthwise_row(q, xr, yr, SS_DW_LANES, acc);
            else
                ss_depthwise_row(q, xr, yr, n, acc);
            for (int64_t k = 0; k < q->k[2]; k++)
                for (int64_t c = 0; c < n; c++) total[k][c] += (double)acc[k * SS_DW_LANES + c];
        }
        for (int64_t k = 0; k < q->k[2]; k++)
            for (int64_t c = 0; c < n; c++)
                w[(c0 + c) * ss_conv_volume(q->k) + (kd * q->k[1] + kh) * q->k[2] + k] =
                    (float)total[k][c];
    }
}
#endif
