/* cuda_conv_direct.h — which convolutions go by kernels of our own in f32, and their scratch.
 *
 * Without TF32, which would cost 13 of 24 bits, cuDNN computes f32 convolutions of few channels at
 * 1 to 5 % of a card's rate, gradients at less: H100, 128^3, 16 to 8 channels: 9 ms, 9 ms and 55
 * ms. Splitting the factors into TF32 halves is no way out: tensor cores cut their sums off, and
 * over a million terms a weight's gradient was wrong by 2e-4 of the largest. */
#ifndef SEMISAM_CUDA_CONV_DIRECT_H
#define SEMISAM_CUDA_CONV_DIRECT_H
#include "conv_shape.h"

enum { SS_DIRECT_WIDE = 16, SS_DIRECT_NARROW = 8, SS_DIRECT_ROWS = 128 };

/* Channels in and out of a pass: those that are summed over, those it makes. */
static inline int64_t ss_direct_in(const ss_conv *q, ss_conv_result r)
{
    return r == SS_CONV_X ? q->o : q->c;
}
static inline int64_t ss_direct_out(const ss_conv *q, ss_conv_result r)
{
    return r == SS_CONV_X ? q->c : q->o;
}
/* Channels that a thread makes at once. */
static inline int64_t ss_direct_tile(int64_t out)
{
    return out % SS_DIRECT_WIDE ? SS_DIRECT_NARROW : SS_DIRECT_WIDE;
}

/* Whether the shape is one of these, whatever the card: several taps, channels in whole quads, few
 * enough that cuDNN is slower, rows enough to fill a card. A gradient of x with strides has taps
 * without a term and is none. */
static inline bool ss_direct_fits(const ss_conv *q, ss_conv_result r, ss_dtype t)
{
    const int64_t most = 64, least = 4096, limit = INT32_MAX;
    const int64_t in = ss_direct_in(q, r), out = ss_direct_out(q, r);
    const int64_t x = q->n * ss_conv_volume(q->x), y = q->n * ss_conv_volume(q->y);
    const bool strided = q->step[0] > 1 || q->step[1] > 1 || q->step[2] > 1;
    const bool few = in <= most && out <= most && (r == SS_CONV_W || in * out < most * most);
    return t == SS_F32 && q->groups == 1 && ss_conv_volume(q->k) > 1 && few && in % 4 == 0 &&
           out % SS_DIRECT_NARROW == 0 && (r == SS_CONV_X ? x : y) >= least && x * q->c < limit &&
           y * q->o < limit && !(strided && r == SS_CONV_X);
}

/* Blocks of 128 rows of (tap, channel) and of outputs that the weights' gradient consists of. */
static inline int64_t ss_direct_tiles(const ss_conv *q)
{
    const int64_t rows = ss_conv_volume(q->k) * q->c, n = ss_direct_tile(q->o);
    return (rows + SS_DIRECT_ROWS - 1) / SS_DIRECT_ROWS * ((q->o + n - 1) / n);
}
/* Lines of y along its last axis, and the parts they are dealt out to, each with sums of its own.
 */
static inline int64_t ss_direct_lines(const ss_conv *q)
{
    return q->n * q->y[0] * q->y[1];
}
static inline int64_t ss_direct_parts(const ss_conv *q)
{
    const int64_t warps = 8192, room = (int64_t)24 << 20, lines = ss_direct_lines(q);
    const int64_t bytes = q->o * q->c * ss_conv_volume(q->k) * 4;
    int64_t parts = warps / ss_direct_tiles(q);
    if (parts > room / bytes) parts = room / bytes;
    if (parts > lines) parts = lines;
    return parts < 1 ? 1 : parts;
}

/* Scratch: the weights turned, or the parts' sums. */
static inline size_t ss_direct_bytes(const ss_conv *q, ss_conv_result r)
{
    const size_t weights = (size_t)(q->o * q->c * ss_conv_volume(q->k)) * sizeof(float);
    return r == SS_CONV_W ? weights * (size_t)ss_direct_parts(q) : weights;
}
#endif
