/* layer_norm.c — every row of the last axis to mean 0 and variance 1. */
#include "support/block.h"
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

enum { X, WEIGHT, BIAS };
enum { LANES = 16, NARROW = 4096, ROWS = 16 };

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[X];
    if (x->ndim < 1) return ss_fail(c, SS_E_SHAPE, "x must have a last axis, got a scalar");
    const int64_t ch = x->shape[x->ndim - 1];
    for (int i = WEIGHT; i <= BIAS; i++) {
        const ss_view *v = &c->in[i];
        if (v->present && (v->ndim != 1 || v->shape[0] != ch))
            return ss_fail(c, SS_E_SHAPE, "%s must be [%lld], the last axis of x",
                           i == WEIGHT ? "weight" : "bias", (long long)ch);
    }
    ss_status s = ss_out_like(c, 0, x);
    for (int k = 1; k <= 2 && s == SS_OK; k++) s = ss_out(c, k, SS_F32, x->ndim - 1, x->shape);
    return s;
}

/* Weight and bias as f32; a 16-bit row too long for the stack is converted here. */
static ss_status plan(ss_call *c)
{
    const ss_view *x = &c->in[X];
    const int64_t ch = x->shape[x->ndim - 1];
    c->scratch_bytes = (size_t)ch * 8;
    if (ch > NARROW && x->dtype != SS_F32) c->scratch_bytes += (size_t)x->count * 4;
    return SS_OK;
}

static inline float lane_sum(const float *acc)
{
    float s = 0;
    for (int l = 0; l < LANES; l++) s += acc[l];
    return s;
}

static inline void row_stats(const float *x, int64_t n, float eps, float *mean, float *rstd)
{
    float acc[LANES] = {0}, s = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) acc[l] += x[i + l];
    for (; i < n; i++) s += x[i];
    const float m = (s + lane_sum(acc)) / (float)n;
    for (int l = 0; l < LANES; l++) acc[l] = 0;
    s = 0;
    for (i = 0; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            float d = x[i + l] - m;
            acc[l] += d * d;
        }
    for (; i < n; i++) s += (x[i] - m) * (x[i] - m);
    *mean = m;
    *rstd = 1 / sqrtf((s + lane_sum(acc)) / (float)n + eps);
}

#if defined(__AVX512F__)
static inline __mmask16 first(int64_t n)
{
    return n < LANES ? (__mmask16)((1u << n) - 1) : (__mmask16)0xffff;
}

/* A row in bf16; f[n] keeps it in f32 on the way. */
__attribute__((target("avx512bf16"))) static inline void
row_bf16(const uint16_t *x, uint16_t *y, int64_t n, const float *w, const float *b, float eps,
         float *mean, float *rstd, float *f)
{
    __m512 s = _mm512_setzero_ps(), q = _mm512_setzero_ps();
    for (int64_t i = 0; i < n; i += LANES) {
        const __m512i half = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first(n - i), x + i));
        const __m512 v = _mm512_castsi512_ps(_mm512_slli_epi32(half, 16));
        _mm512_storeu_ps(f + i, v);
        s = _mm512_add_ps(s, v);
    }
    *mean = _mm512_reduce_add_ps(s) / (float)n;
    const __m512 m = _mm512_set1_ps(*mean);
    for (int64_t i = 0; i < n; i += LANES) {
        const __m512 d = _mm512_maskz_sub_ps(first(n - i), _mm512_loadu_ps(f + i), m);
        _mm512_storeu_ps(f + i, d);
        q = _mm512_fmadd_ps(d, d, q);
    }
    *rstd = 1 / sqrtf(_mm512_reduce_add_ps(q) / (float)n + eps);
    const __m512 scale = _mm512_set1_ps(*rstd);
    for (int64_t i = 0; i < n; i += LANES) {
        const __mmask16 some = first(n - i);
        const __m512 d = _mm512_mul_ps(_mm512_loadu_ps(f + i), scale);
        const __m512 v = _mm512_fmadd_ps(d, _mm512_maskz_loadu_ps(some, w + i),
                                         _mm512_maskz_loadu_ps(some, b + i));
        _mm256_mask_storeu_epi16(y + i, some, (__m256i)_mm512_cvtneps_pbh(v));
    }
}

__attribute__((target("avx512bf16"))) static void rows_bf16(ss_call *c, int64_t from, int64_t to,
                                                            const float *w, const float *b)
{
    const ss_view *x = &c->in[X];
    const int64_t n = x->shape[x->ndim - 1];
    float f[NARROW];
    for (int64_t r = from; r < to; r++)
        row_bf16((const uint16_t *)x->data + r * n, (uint16_t *)c->out[0].data + r * n, n, w, b,
                 (float)c->attr[0].num, ss_out_f32(c, 1) + r, ss_out_f32(c, 2) + r, f);
}
#endif

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[X], *y = &c->out[0];
    const int64_t n = x->shape[x->ndim - 1], rows = n ? x->count / n : 0;
    const float eps = (float)c->attr[0].num;
    float *w = (float *)c->scratch, *b = w + n, *mean = ss_out_f32(c, 1), *rstd = ss_out_f32(c, 2);
    if (n == 0) return SS_OK;
    for (int64_t j = 0; j < n; j++) w[j] = 1, b[j] = 0;
    if (c->in[WEIGHT].present) ss_load_f32(w, c->in[WEIGHT].data, c->in[WEIGHT].dtype, n);
    if (c->in[BIAS].present) ss_load_f32(b, c->in[BIAS].data, c->in[BIAS].dtype, n);
#if defined(__AVX512F__)
    if (x->dtype == SS_BF16 && n <= NARROW && __builtin_cpu_supports("avx512bf16")) {
        SS_PARALLEL_FOR (i, ss_ceil_div(rows, ROWS), ROWS * n)
            rows_bf16(c, i * ROWS, ss_min64(rows, (i + 1) * ROWS), w, b);
        return SS_OK;
    }
#endif
    SS_PARALLEL_FOR (r, rows, n) {
        float narrow[NARROW], *buf = n > NARROW && x->dtype != SS_F32 ? b + n + r * n : narrow;
        const float *v = ss_block_in(x, r * n, n, buf);
        row_stats(v, n, eps, mean + r, rstd + r);
        const float m = mean[r], s = rstd[r];
        float *o = ss_block_out(y, r * n, buf);
        for (int64_t j = 0; j < n; j++) o[j] = (v[j] - m) * s * w[j] + b[j];
        ss_block_done(y, r * n, n, o);
    }
    return SS_OK;
}

static void grad(ss_grad *g)
{
    ss_tensor *outs[3] = {0};
    if (!ss_gn(g, "_layer_norm_dx", 5,
               (ss_tensor *[]){g->dy[0], g->in[X], g->out[1], g->out[2], g->in[WEIGHT]}, 0, NULL,
               outs))
        return;
    for (int i = X; i <= BIAS; i++) ss_dx(g, i, outs[i]);
}

const ss_op SS_OP(layer_norm) = {
    .name = "layer_norm",
    .sig = "x: float, weight?: float, bias?: float, eps: number = 1e-5",
    .doc =
        "Normalise every row of the last axis: y = (x - mean) / sqrt(var + eps) * weight + bias, "
        "biased variance. On channels-last images and volumes this is the LayerNorm2d/3d of SAM. "
        "J. L. Ba et al., Layer Normalization, 2016.",
    .infer = infer,
    .plan = plan,
    .cpu = cpu,
    .grad = grad,
    .saves = SS_SAVE_IN(X) | SS_SAVE_IN(WEIGHT) | SS_SAVE_OUT(1) | SS_SAVE_OUT(2),
    .nout = 3,
    .hidden = 2,
};
