/* rope.cu — rotary position encoding: a thread turns one pair of channels. */
#include "cuda/split.h"

enum { ROWS, INVERSE };

/* x [n, t, heads, 2 half]; tokens below `turned` are turned. */
struct turn {
    int64_t t, heads, half, turned, rows;
    float sign;
};

SS_KERNEL(rope_pairs)(ss_view x, const float *cs, const float *sn, turn k, ss_view y)
{
    SS_EACH (i, x.count / 2) {
        int64_t j, head, token, row;
        ss_split(ss_split(ss_split(i, k.half, &j), k.heads, &head), k.t, &token);
        float a = ss_load(x.data, x.dtype, 2 * i), b = ss_load(x.data, x.dtype, 2 * i + 1);
        if (token < k.turned) {
            ss_split(token, k.rows, &row);
            const float u = cs[row * k.half + j], s = k.sign * sn[row * k.half + j], v = a;
            a = v * u - b * s;
            b = v * s + b * u;
        }
        ss_store(y.data, y.dtype, 2 * i, a);
        ss_store(y.data, y.dtype, 2 * i + 1, b);
    }
}

SS_TWIN(rope)
{
    const ss_view *x = &c->in[0];
    turn k = {x->shape[1], x->shape[2],       x->shape[3] / 2,
              x->shape[1], c->in[1].shape[0], c->attr[INVERSE].v[0] ? -1.0f : 1.0f};
    if (c->attr[ROWS].n > 0) k.turned = c->attr[ROWS].v[0];
    if (x->count)
        SS_LAUNCH(g, rope_pairs, ss_grid(g, x->count / 2), SS_BLOCK, 0, *x, ss_in_ptr<float>(c, 1),
                  ss_in_ptr<float>(c, 2), k, c->out[0]);
    return ss_launched(c, g);
}
