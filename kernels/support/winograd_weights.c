/* winograd_weights.c — weights to those of terms, and gradients back; see winograd_shape.h. */
#include "winograd_block.h"
#include "winograd_shape.h"
#include "winograd_tile.h"

enum { TERMS = 16 };

int64_t ss_w_weight_floats(const ss_w_shape *s)
{
    return s->terms * s->k * s->cols;
}

/* Panels of 32 columns, the last perhaps of 16. */
int64_t ss_w_packed(const ss_w_shape *s, int64_t row, int64_t col)
{
    const int64_t first = col / SS_W_WIDE * SS_W_WIDE;
    return first * s->k + row * ss_min64(SS_W_WIDE, s->cols - first) + col - first;
}

/* Lanes `apart` floats from each other. */
static __m512i spread(int64_t apart)
{
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_mullo_epi32(lanes, _mm512_set1_epi32((int)apart));
}

/* Results of o .. o + 15 for input c and slice z of the kernel. The weights of x's gradient change
 * the roles of channels and turn around; a doubled x turns in depth alone, as its terms know. */
SS_W_INLINE void one(int side, const ss_w_shape *s, const float *w, int64_t c, int64_t z, int64_t o,
                     float *u)
{
    const int64_t taps = s->kd * 9, term = s->k * s->cols;
    const int64_t of_o = s->back ? taps : s->c * taps, of_c = s->back ? s->o * taps : taps;
    const float *from = w + c * of_c + o * of_o + (s->back ? s->kd - 1 - z : z) * 9;
    const bool turn = s->back && !s->twice;
    const __mmask16 some = ss_w_first(s->o - o);
    const __m512i at = spread(of_o);
    ss_w_vec g[TERMS];
    for (int k = 0; k < 9; k++)
        g[k / 3 * 4 + k % 3] =
            _mm512_mask_i32gather_ps(_mm512_setzero_ps(), some, at, from + (turn ? 8 - k : k), 4);
    ss_w_weight_plane(g, side);
    for (int64_t b = 0; b < s->deep; b++) {
        float *to = u + ss_w_packed(s, (b + z) * s->c + c, b * s->o + o);
        for (int i = 0; i < side; i++)
            for (int j = 0; j < side; j++)
                _mm512_mask_storeu_ps(to + (i * side + j) * term, some, g[4 * i + j]);
    }
}

void ss_w_weights(const ss_w_shape *s, const float *w, float *u)
{
    if (s->deep > 1 || s->cols != s->o) memset(u, 0, (size_t)ss_w_weight_floats(s) * 4);
    SS_PARALLEL_FOR (i, s->c * s->kd, s->o * TERMS) {
        for (int64_t o = 0; o < s->o; o += SS_W_LANES)
            if (s->side == 4)
                one(4, s, w, i / s->kd, i % s->kd, o, u);
            else
                one(3, s, w, i / s->kd, i % s->kd, o, u);
    }
}

/* Slices of depth that stand side by side in a row are added up. */
SS_W_INLINE void one_back(int side, const ss_w_shape *s, const float *u, int64_t c, int64_t z,
                          int64_t o, float *dw)
{
    const int64_t taps = s->kd * 9, term = s->k * s->cols;
    const __mmask16 some = ss_w_first(s->o - o);
    const __m512i at = spread(s->c * taps);
    ss_w_vec g[TERMS];
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) {
            ss_w_vec sum = _mm512_setzero_ps();
            for (int64_t b = 0; b < s->deep; b++)
                sum +=
                    _mm512_maskz_loadu_ps(some, u + (i * side + j) * term +
                                                    ((b + z) * s->c + c) * s->cols + b * s->o + o);
            g[4 * i + j] = sum;
        }
    ss_w_weight_back_plane(g, side);
    float *to = dw + (o * s->c + c) * taps + z * 9;
    for (int k = 0; k < 9; k++)
        _mm512_mask_i32scatter_ps(to + k, some, at, g[k / 3 * 4 + k % 3], 4);
}

void ss_w_weights_back(const ss_w_shape *s, const float *u, float *dw)
{
    SS_PARALLEL_FOR (i, s->c * s->kd, s->o * TERMS) {
        for (int64_t o = 0; o < s->o; o += SS_W_LANES)
            if (s->side == 4)
                one_back(4, s, u, i / s->kd, i % s->kd, o, dw);
            else
                one_back(3, s, u, i / s->kd, i % s->kd, o, dw);
    }
}
