/* gaussian_blur.c — separable Gaussian over the three spatial axes. */
#include "support/blur.h"
#include "support/image.h"

enum {
    MOST = SS_BLUR_MOST,
    TILE = 32,  /* neighbouring lines blurred side by side */
    SHORT = 8,  /* fewer lines than this side by side: a piece of one line is copied first */
    PIECE = 256 /* elements of a line at once */
};

static ss_status infer(ss_call *c)
{
    for (int a = 0; a < 3; a++)
        if (!(ss_blur_sigma(c, a) >= 0 && ss_blur_sigma(c, a) * 4 + 0.5 < MOST + 1))
            return ss_fail(c, SS_E_ARG, "sigma must be in [0, 16], got %g", ss_blur_sigma(c, a));
    return ss_infer_image(c);
}

static ss_status plan(ss_call *c)
{
    c->scratch_bytes = (size_t)c->in[0].count * sizeof(float);
    return SS_OK;
}

/* Blurs lines of n entries of `inner` < SHORT values each. */
static void pass_lines(const float *x, float *y, int64_t lines, int64_t n, int64_t inner,
                       const float *weight, int radius)
{
    const int64_t pieces = ss_ceil_div(n * inner, PIECE), reach = radius * inner;
    SS_PARALLEL_FOR (t, lines * pieces, (2 * radius + 1) * PIECE) {
        const int64_t from = t % pieces * PIECE, wide = ss_min64(PIECE, n * inner - from);
        const float *line = x + t / pieces * n * inner;
        float near[PIECE + 2 * MOST * SHORT], sum[PIECE];
        for (int64_t k = 0; k < wide + 2 * reach; k++) {
            const int64_t at = from - reach + k + MOST * inner; /* not negative */
            const int64_t i = ss_blur_mirror(at / inner - MOST, n);
            near[k] = line[i * inner + at % inner];
        }
        for (int64_t k = 0; k < wide; k++) sum[k] = weight[0] * near[k + reach];
        for (int j = 1; j <= radius; j++) {
            const float *a = near + reach - j * inner, *b = near + reach + j * inner;
            for (int64_t k = 0; k < wide; k++) sum[k] += weight[j] * (a[k] + b[k]);
        }
        memcpy(y + t / pieces * n * inner + from, sum, (size_t)wide * sizeof(float));
    }
}

/* Blurs the middle axis of [outer, n, inner]. */
static void pass(const float *x, float *y, int64_t outer, int64_t n, int64_t inner, double sigma)
{
    const ss_blur blur = ss_blur_of(sigma);
    const float *weight = blur.weight;
    const int radius = blur.radius;
    if (inner < SHORT) {
        pass_lines(x, y, outer, n, inner, weight, radius);
        return;
    }
    const int64_t tiles = ss_ceil_div(inner, TILE);
    SS_PARALLEL_FOR (t, outer * n * tiles, (2 * radius + 1) * TILE) {
        const int64_t from = t % tiles * TILE, wide = ss_min64(TILE, inner - from);
        const int64_t i = t / tiles % n;
        const float *line = x + t / tiles / n * n * inner + from;
        float sum[TILE];
        for (int64_t k = 0; k < wide; k++) sum[k] = weight[0] * line[i * inner + k];
        for (int j = 1; j <= radius; j++) {
            const float *a = line + ss_blur_mirror(i - j, n) * inner,
                        *b = line + ss_blur_mirror(i + j, n) * inner;
            for (int64_t k = 0; k < wide; k++) sum[k] += weight[j] * (a[k] + b[k]);
        }
        memcpy(y + (t / tiles) * inner + from, sum, (size_t)wide * sizeof(float));
    }
}

static ss_status cpu(ss_call *c)
{
    ss_images m;
    ss_status s = ss_images_of(c, 0, &m);
    if (s) return s;
    const float *x = ss_in_f32(c, 0);
    float *y = ss_out_f32(c, 0), *other = c->scratch;
    int64_t inner = m.c, outer = m.n * m.voxels;
    for (int a = 2; a >= 0 && m.count; a--) {
        const int64_t n = m.size[a];
        outer /= n;
        if ((int)(4 * ss_blur_sigma(c, a) + 0.5) > 0) {
            float *out = x == y ? other : y;
            pass(x, out, outer, n, inner, ss_blur_sigma(c, a));
            x = out;
        }
        inner *= n;
    }
    if (x != y && c->out[0].count) memcpy(y, x, (size_t)c->out[0].count * sizeof(float));
    return SS_OK;
}

const ss_op SS_OP(gaussian_blur) = {
    .name = "gaussian_blur",
    .sig = "x: f32, sigma: number, sigma_y?: number, sigma_x?: number",
    .doc = "Convolve each channel with a Gaussian of deviation `sigma` voxels (along z; also y and "
           "x unless given), cut at round(4 sigma); beyond the border the image is mirrored (c b a "
           "| a b c | c b a). Images are [d,h,w], [d,h,w,c] or [n,d,h,w,c].",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
