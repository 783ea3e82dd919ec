/* winograd_tile.h — sums of values of a tile, 16 channels at a time: F(2x2, 3x3) of Lavin and Gray,
 * appendix. A tile is v[4][4]; the functions of one axis work on vectors that lie `step` apart.
 *
 * `side` is the number of terms along an axis. It is 3, not 4, where x is the half of a plane whose
 * rows and columns are repeated: of x0 x1 x1 x2 the term x1 - x1 is zero, and the other ones are
 * x0 - x1, x1 (twice, which the weights take over) and x1 - x2. */
#ifndef SEMISAM_WINOGRAD_TILE_H
#define SEMISAM_WINOGRAD_TILE_H
#include <immintrin.h>
#include <stdint.h>

#define SS_W_INLINE static inline __attribute__((always_inline))

typedef __m512 ss_w_vec;

/* The first n of 16 lanes. */
static inline __mmask16 ss_w_first(int64_t n)
{
    return n >= 16 ? 0xffff : (__mmask16)((1u << n) - 1);
}

/* Values of x to terms. */
SS_W_INLINE void ss_w_in(ss_w_vec *v, int step, int side)
{
    const ss_w_vec a = v[0], b = v[step], c = v[2 * step];
    if (side == 3) {
        v[0] = a - b;
        v[2 * step] = b - c;
        return;
    }
    v[0] = a - c;
    v[2 * step] = c - b;
    v[3 * step] = b - v[3 * step];
    v[step] = b + c;
}
/* Gradients of terms to those of values of x; for side 3 alone. */
SS_W_INLINE void ss_w_in_back(ss_w_vec *v, int step, int side)
{
    const ss_w_vec a = v[0], c = v[2 * step];
    (void)side;
    v[step] = v[step] - a + c;
    v[2 * step] = -c;
}
/* Terms to two results (those at 0 and 1). */
SS_W_INLINE void ss_w_out(ss_w_vec *v, int step, int side)
{
    const ss_w_vec a = v[0], b = v[step], c = v[2 * step];
    v[0] = a + b;
    v[step] = b - c;
    if (side == 3) return;
    v[0] += c;
    v[step] -= v[3 * step];
}
/* Two gradients of results to those of terms. */
SS_W_INLINE void ss_w_out_back(ss_w_vec *v, int step, int side)
{
    const ss_w_vec a = v[0], b = v[step];
    v[step] = a + b;
    v[2 * step] = -b;
    if (side == 3) return;
    v[2 * step] += a;
    v[3 * step] = -b;
}
/* Three weights to those of terms. */
SS_W_INLINE void ss_w_weight(ss_w_vec *v, int step, int side)
{
    const ss_w_vec a = v[0], b = v[step], c = v[2 * step], half = _mm512_set1_ps(0.5f);
    if (side == 3) {
        v[step] = a + b + c;
        return;
    }
    v[step] = half * (a + b + c);
    v[2 * step] = half * (a - b + c);
    v[3 * step] = c;
}
/* Gradients of the terms' weights to those of three weights. */
SS_W_INLINE void ss_w_weight_back(ss_w_vec *v, int step, int side)
{
    const ss_w_vec a = v[0], b = v[step], c = v[2 * step], half = _mm512_set1_ps(0.5f);
    if (side == 3) {
        v[0] = a + b;
        v[2 * step] = b + c;
        return;
    }
    v[0] = a + half * (b + c);
    v[step] = half * (b - c);
    v[2 * step] = half * (b + c) + v[3 * step];
}

/* Along both axes: of `from` columns, then of `to` rows. */
#define SS_W_PLANE(name, axis, from, to)                                                           \
    SS_W_INLINE void name(ss_w_vec v[16], int side)                                                \
    {                                                                                              \
        for (int i = 0; i < (from); i++) axis(v + i, 4, side);                                     \
        for (int i = 0; i < (to); i++) axis(v + 4 * i, 1, side);                                   \
    }
SS_W_PLANE(ss_w_in_plane, ss_w_in, side, side)
SS_W_PLANE(ss_w_in_back_plane, ss_w_in_back, side, side)
SS_W_PLANE(ss_w_out_plane, ss_w_out, side, 2)
SS_W_PLANE(ss_w_out_back_plane, ss_w_out_back, 2, side)
SS_W_PLANE(ss_w_weight_plane, ss_w_weight, 3, side)
SS_W_PLANE(ss_w_weight_back_plane, ss_w_weight_back, side, 3)
#endif
