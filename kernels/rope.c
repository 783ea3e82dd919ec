/* rope.c — rotary position encoding: pairs of neighbouring channels turned by the token's angles
 * (J. Su et al., RoFormer, 2021). */
#include "support/block.h"

enum { ROWS, INVERSE };
enum { WIDEST = 4096 };

static ss_status infer(ss_call *c)
{
    const ss_view *x = &c->in[0], *cs = &c->in[1], *sn = &c->in[2];
    const ss_attr *tokens = &c->attr[ROWS];
    if (x->ndim != 4 || x->shape[3] % 2 || x->shape[3] > WIDEST)
        return ss_fail(c, SS_E_SHAPE, "x must be [n, tokens, heads, e] with e even, at most %d",
                       WIDEST);
    if (cs->ndim != 2 || sn->ndim != 2 || cs->shape[0] != sn->shape[0] ||
        cs->shape[1] != x->shape[3] / 2 || sn->shape[1] != x->shape[3] / 2)
        return ss_fail(c, SS_E_SHAPE, "cos and sin must be [rows, %lld]",
                       (long long)x->shape[3] / 2);
    if (tokens->n > 0 && (tokens->v[0] < 0 || tokens->v[0] > x->shape[1]))
        return ss_fail(c, SS_E_ARG, "tokens must be 0 to %lld, got %lld", (long long)x->shape[1],
                       (long long)tokens->v[0]);
    if (cs->shape[0] < 1 && x->count) return ss_fail(c, SS_E_SHAPE, "cos and sin have no rows");
    return ss_out_like(c, 0, x);
}

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    const int64_t t = x->shape[1], heads = x->shape[2], e = x->shape[3], half = e / 2;
    const int64_t turned = c->attr[ROWS].n > 0 ? c->attr[ROWS].v[0] : t;
    const int64_t rows = c->in[1].shape[0];
    const float sign = c->attr[INVERSE].v[0] ? -1 : 1;
    if (x->count == 0) return SS_OK;
    SS_PARALLEL_FOR (i, x->shape[0] * t, heads * e) {
        const float *cs = ss_in_f32(c, 1) + i % t % rows * half;
        const float *sn = ss_in_f32(c, 2) + i % t % rows * half;
        float from[WIDEST], to[WIDEST];
        for (int64_t at = i * heads * e; at < (i + 1) * heads * e; at += e) {
            const float *v = ss_block_in(x, at, e, from);
            float *w = ss_block_out(y, at, to);
            if (i % t >= turned)
                memcpy(w, v, (size_t)e * 4);
            else
                for (int64_t j = 0; j < half; j++) {
                    const float a = v[2 * j], b = v[2 * j + 1], s = sign * sn[j];
                    w[2 * j] = a * cs[j] - b * s;
                    w[2 * j + 1] = a * s + b * cs[j];
                }
            ss_block_done(y, at, e, w);
        }
    }
    return SS_OK;
}

static void grad(ss_grad *g)
{
    const ss_attr attr[] = {g->attr[ROWS], ss_int(g->attr[INVERSE].v[0] == 0)};
    ss_tensor *in[] = {g->dy[0], g->in[1], g->in[2]};
    ss_dx(g, 0, ss_g(g, "rope", 3, in, 2, attr));
}

const ss_op SS_OP(rope) = {
    .name = "rope",
    .sig = "x: float, cos: f32, sin: f32, tokens?: int, inverse: bool = false",
    .doc = "Rotary position encoding of x [n, t, heads, e]: channels 2j, 2j + 1 of token t are "
           "turned by the angle whose cosine and sine are in row t mod rows, column j of cos and "
           "sin [rows, e / 2]; `inverse` turns back. Only the first `tokens` are turned. cos and "
           "sin are constants: they get no gradient.",
    .infer = infer,
    .cpu = cpu,
    .grad = grad,
    .saves = SS_SAVE_IN(1) | SS_SAVE_IN(2),
};
