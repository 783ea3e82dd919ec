/* conv_split.cu — writes factors as three parts of TF32 numbers, and adds weight gradients up. */
#include "conv_split.h"
#include "cuda.h"

union bits {
    float f;
    uint32_t u;
};

/* x rounded to TF32, ties to even. What would round to infinity is cut off instead, so that the
 * rest can make up for it. */
SS_DEVICE float to_tf32(float x)
{
    const uint32_t kept = 0xffffe000u, exponent = 0x7f800000u;
    bits v = {x}, r;
    if ((v.u & exponent) == exponent) { /* a NaN whose bits are all low must not become infinite */
        if (v.u & ~kept) v.u |= 0x400000u;
        return v.f;
    }
    r.u = (v.u + 0xfffu + (v.u >> 13 & 1u)) & kept;
    if ((r.u & exponent) == exponent) r.u = v.u & kept;
    return r.f;
}

/* What hi leaves of x: nothing where that is infinite. */
SS_DEVICE float rest_of(float x, float hi)
{
    const float rest = x - hi;
    return rest == rest ? to_tf32(rest) : 0;
}

/* Elements moved together. */
template <int N> struct alignas(N * sizeof(float)) pack {
    float v[N];
};

/* A factor counted in packs: a piece has less than 2^32 of them. */
struct packs {
    uint32_t size, plane, rows, channels, n; /* n: of one part */
    int64_t first;
    int lo;
};

template <int N> SS_KERNEL(split_factor)(const pack<N> *from, pack<N> *to, packs f)
{
    SS_EACH (i, f.n) {
        const uint32_t at = (uint32_t)i, plane = at / f.plane, sample = plane / f.rows;
        const int64_t row = f.first + (plane - sample * f.rows);
        pack<N> hi = {}, lo = {};
        if (row >= 0 && row < f.size) {
            const pack<N> x = from[((int64_t)sample * f.size + row) * f.plane + at % f.plane];
            for (int k = 0; k < N; k++) {
                hi.v[k] = to_tf32(x.v[k]);
                lo.v[k] = rest_of(x.v[k], hi.v[k]);
            }
        }
        const uint32_t step = f.channels ? f.channels : f.n;
        pack<N> *out = to + at + (f.channels ? at / f.channels * 2 * f.channels : 0);
        for (int part = 0; part < 3; part++) out[(size_t)part * step] = part == f.lo ? lo : hi;
    }
}

template <int N> static void launch(ss_gpu *g, const ss_factor *f)
{
    const int64_t n = f->samples * f->rows * f->plane / N;
    const packs p = {(uint32_t)f->size,
                     (uint32_t)(f->plane / N),
                     (uint32_t)f->rows,
                     (uint32_t)(f->channels / N),
                     (uint32_t)n,
                     f->first,
                     f->lo};
    SS_LAUNCH(g, split_factor<N>, ss_grid(g, n), SS_BLOCK, 0, (const pack<N> *)f->from,
              (pack<N> *)f->to, p);
}

extern "C" void ss_conv_split_factor(ss_gpu *g, const ss_factor *f)
{
    const bool whole = (f->channels ? f->channels : f->plane) % 4 == 0;
    if (whole && ((uintptr_t)f->from | (uintptr_t)f->to) % sizeof(pack<4>) == 0)
        launch<4>(g, f);
    else
        launch<1>(g, f);
}

SS_KERNEL(add_part)
(float *sum, const float *part, int64_t n)
{
    SS_EACH (i, n) sum[i] += part[i];
}

extern "C" void ss_conv_split_add(ss_gpu *g, float *sum, const float *part, int64_t n)
{
    SS_LAUNCH(g, add_part, ss_grid(g, n), SS_BLOCK, 0, sum, part, n);
}
