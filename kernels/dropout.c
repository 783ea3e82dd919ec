/* dropout.c — sets random elements or channels to 0 and scales the rest by 1 / (1 - p).
 *
 * Element i is dropped by number i of the key's stream, so the gradient draws the same mask again
 * and nothing is stored. */
#include "support/block.h"
#include "support/lanes.h"

enum { P, KEY, CHANNELS };
enum { BLOCK = 1024, LANES = SS_LANES };

static ss_status infer(ss_call *c)
{
    const double p = c->attr[P].num;
    if (!(p >= 0 && p <= 1)) return ss_fail(c, SS_E_ARG, "p must lie in [0, 1], got %g", p);
    if (c->attr[CHANNELS].v[0] && c->in[0].ndim < 2)
        return ss_fail(c, SS_E_SHAPE, "channels needs x [n, ..., c], got %d axes", c->in[0].ndim);
    return ss_out_like(c, 0, &c->in[0]);
}

/* Factors of elements [at, at + n); at is a multiple of 4, f has room for a multiple of 64. */
static void factors(float *f, int64_t at, int64_t n, double p, uint64_t key)
{
    const float keep = p < 1 ? (float)(1 / (1 - p)) : 0;
    const uint32_t limit = (uint32_t)ceil(p * 16777216.0); /* u < p for 24-bit u */
    for (int64_t i = 0; i < n; i += 4 * LANES) {
        uint32_t u[4][LANES];
        ss_philox_lanes(key, (uint64_t)(at + i) / 4, u);
        for (int l = 0; l < LANES; l++)
            for (int w = 0; w < 4; w++) f[i + 4 * l + w] = u[w][l] >> 8 < limit ? 0 : keep;
    }
}

static void whole_channels(ss_call *c, double p, uint64_t key)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    const int64_t ch = x->shape[x->ndim - 1], rows = x->count / (x->shape[0] * ch);
    float *f = (float *)c->scratch;
    factors(f, 0, x->shape[0] * ch, p, key);
    SS_PARALLEL_FOR (r, x->shape[0] * rows, ch) {
        float xb[BLOCK], ob[BLOCK];
        for (int64_t j0 = 0; j0 < ch; j0 += BLOCK) {
            const int64_t at = r * ch + j0, n = ss_min64(BLOCK, ch - j0);
            const float *v = ss_block_in(x, at, n, xb), *k = f + r / rows * ch + j0;
            float *out = ss_block_out(y, at, ob);
            for (int64_t j = 0; j < n; j++) out[j] = k[j] != 0 ? v[j] * k[j] : 0;
            ss_block_done(y, at, n, out);
        }
    }
}

static ss_status plan(ss_call *c)
{
    const ss_view *x = &c->in[0];
    if (c->attr[CHANNELS].v[0])
        c->scratch_bytes = (size_t)(x->shape[0] * x->shape[x->ndim - 1] + 4 * LANES) * 4;
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    const double p = c->attr[P].num;
    const uint64_t key = (uint64_t)c->attr[KEY].v[0];
    if (x->count == 0) return SS_OK;
    if (c->attr[CHANNELS].v[0]) {
        whole_channels(c, p, key);
        return SS_OK;
    }
    SS_PARALLEL_FOR (b, ss_ceil_div(x->count, BLOCK), BLOCK) {
        float xb[BLOCK], ob[BLOCK], f[BLOCK];
        const int64_t at = b * BLOCK, n = ss_min64(BLOCK, x->count - at);
        const float *v = ss_block_in(x, at, n, xb);
        float *out = ss_block_out(y, at, ob);
        factors(f, at, n, p, key);
        for (int64_t i = 0; i < n; i++) out[i] = f[i] != 0 ? v[i] * f[i] : 0;
        ss_block_done(y, at, n, out);
    }
    return SS_OK;
}

static void grad(ss_grad *g) /* the same mask again */
{
    ss_dx(g, 0, ss_g(g, "dropout", 1, g->dy, 3, g->attr));
}

const ss_op SS_OP(dropout) = {
    .name = "dropout",
    .sig = "x: float, p: number, key: int, channels: bool = false",
    .doc = "Set elements to 0 with probability `p` and divide the others by 1 - p; with `channels` "
           "whole channels of each sample of [n, ..., c]. `key` decides which, alone.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan,
    .cpu = cpu,
    .grad = grad,
    .flags = SS_OP_RANDOM,
};
