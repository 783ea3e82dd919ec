/* dropout.cu — sets random elements or channels to 0 and scales the rest by 1 / (1 - p).
 *
 * One block of the key's stream serves four elements: a thread takes four at a time. */
#include "cuda/split.h"
#include "support/philox.h"

enum { P, KEY, CHANNELS };
enum { DRAWN = 4 };

/* What decides: an element is dropped when its 24-bit number lies below the limit. */
struct drop {
    uint64_t key;
    uint32_t limit;
    float keep;
};

SS_KERNEL(drop_elements)(ss_view x, ss_view y, drop d)
{
    SS_EACH (b, (x.count + DRAWN - 1) / DRAWN) {
        uint32_t u[DRAWN];
        ss_philox(d.key, (uint64_t)b, u);
        for (int w = 0; w < DRAWN; w++) {
            const int64_t i = b * DRAWN + w;
            if (i >= x.count) break;
            const float f = u[w] >> 8 < d.limit ? 0 : d.keep;
            ss_store(y.data, y.dtype, i, f != 0 ? ss_load(x.data, x.dtype, i) * f : 0);
        }
    }
}

/* Factors of all channels [n, c]. */
SS_KERNEL(drop_factors)(float *f, int64_t n, drop d)
{
    SS_EACH (i, n) {
        uint32_t u[DRAWN];
        ss_philox(d.key, (uint64_t)i / DRAWN, u);
        f[i] = u[i % DRAWN] >> 8 < d.limit ? 0 : d.keep;
    }
}
SS_KERNEL(drop_channels)(ss_view x, ss_view y, const float *factor, int64_t rows, int64_t ch)
{
    SS_EACH (i, x.count) {
        int64_t j, at;
        const int64_t r = ss_split(i, ch, &j);
        const float f = factor[ss_split(r, rows, &at) * ch + j];
        ss_store(y.data, y.dtype, i, f != 0 ? ss_load(x.data, x.dtype, i) * f : 0);
    }
}

SS_TWIN(dropout)
{
    const ss_view *x = &c->in[0];
    const double p = c->attr[P].num;
    const drop d = {(uint64_t)c->attr[KEY].v[0], (uint32_t)ceil(p * 16777216.0),
                    p < 1 ? (float)(1 / (1 - p)) : 0};
    if (x->count == 0) return SS_OK;
    if (c->attr[CHANNELS].v[0]) {
        const int64_t ch = x->shape[x->ndim - 1], n = x->shape[0] * ch;
        float *f = (float *)c->scratch;
        SS_LAUNCH(g, drop_factors, ss_grid(g, n), SS_BLOCK, 0, f, n, d);
        SS_LAUNCH(g, drop_channels, ss_grid(g, x->count), SS_BLOCK, 0, *x, c->out[0], f,
                  x->count / n, ch);
    } else {
        SS_LAUNCH(g, drop_elements, ss_grid(g, (x->count + DRAWN - 1) / DRAWN), SS_BLOCK, 0, *x,
                  c->out[0], d);
    }
    return ss_launched(c, g);
}
