/* winograd_tile.h — sums of values of a tile, 16 channels at a time: F(2x2, 3x3) of Lavin and Gray,
 * appendix. `axis` functions work along one axis of `s` vectors that lie `step` apart. */
#ifndef SEMISAM_WINOGRAD_TILE_H
#define SEMISAM_WINOGRAD_TILE_H
#include <immintrin.h>
#include <stdint.h>

typedef __m512 ss_w_vec;

/* The first n of 16 lanes. */
static inline __mmask16 ss_w_first(int64_t n)
{
    return n >= 16 ? 0xffff : (__mmask16)((1u << n) - 1);
}

/* Four values of x to four terms. */
static inline void ss_w_in(ss_w_vec *v, int step)
{
    const ss_w_vec a = v[0], b = v[step], c = v[2 * step], d = v[3 * step];
    v[0] = a - c;
    v[step] = b + c;
    v[2 * step] = c - b;
    v[3 * step] = b - d;
}
/* Four terms to two results (those at 0 and 1). */
static inline void ss_w_out(ss_w_vec *v, int step)
{
    const ss_w_vec a = v[0], b = v[step], c = v[2 * step], d = v[3 * step];
    v[0] = a + b + c;
    v[step] = b - c - d;
}
/* Two gradients of results to those of four terms. */
static inline void ss_w_out_back(ss_w_vec *v, int step)
{
    const ss_w_vec a = v[0], b = v[step];
    v[step] = a + b;
    v[2 * step] = a - b;
    v[3 * step] = -b;
}
/* Three weights to those of four terms. */
static inline void ss_w_weight(ss_w_vec *v, int step)
{
    const ss_w_vec half = _mm512_set1_ps(0.5f);
    const ss_w_vec a = v[0], b = v[step], c = v[2 * step];
    v[step] = half * (a + b + c);
    v[2 * step] = half * (a - b + c);
    v[3 * step] = c;
}
/* Gradients of four terms' weights to those of three weights. */
static inline void ss_w_weight_back(ss_w_vec *v, int step)
{
    const ss_w_vec half = _mm512_set1_ps(0.5f);
    const ss_w_vec a = v[0], b = v[step], c = v[2 * step], d = v[3 * step];
    v[0] = a + half * (b + c);
    v[step] = half * (b - c);
    v[2 * step] = half * (b + c) + d;
}

/* The same along both axes of a plane v[4][4]: of `from` columns, then of `to` rows. */
#define SS_W_PLANE(name, axis, from, to)                                                           \
    static inline void name(ss_w_vec v[16])                                                        \
    {                                                                                              \
        for (int i = 0; i < (from); i++) axis(v + i, 4);                                           \
        for (int i = 0; i < (to); i++) axis(v + 4 * i, 1);                                         \
    }
SS_W_PLANE(ss_w_in_plane, ss_w_in, 4, 4)
SS_W_PLANE(ss_w_out_plane, ss_w_out, 4, 2)
SS_W_PLANE(ss_w_out_back_plane, ss_w_out_back, 2, 4)
SS_W_PLANE(ss_w_weight_plane, ss_w_weight, 3, 4)
SS_W_PLANE(ss_w_weight_back_plane, ss_w_weight_back, 4, 3)
#endif
