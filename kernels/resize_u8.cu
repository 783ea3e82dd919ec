/* resize_u8.cu — 8-bit images to another size in Pillow's bicubic arithmetic, bit for bit: the
 * weights, then the rows, then the columns of one image after the other. */
#include "cuda/cuda.h"
#include "support/resize_u8.h"

SS_KERNEL(weigh)(ss_u8_axis a)
{
    SS_EACH (o, a.out) ss_u8_weigh(&a, o);
}

/* The middle axis of x [outer, a.in, inner] to y [outer, a.out, inner]. */
SS_KERNEL(along)(ss_u8_axis a, const uint8_t *x, int64_t outer, int64_t inner, uint8_t *y)
{
    SS_EACH (e, outer * a.out * inner) {
        const int64_t row = e / inner, o = row % a.out;
        const uint8_t *p = x + (row / a.out * a.in + a.first[o]) * inner + e % inner;
        const int32_t *w = a.weight + o * a.most, n = a.count[o];
        int32_t sum = 1 << (SS_U8_BITS - 1);
        for (int32_t k = 0; k < n; k++) sum += w[k] * p[k * inner];
        y[e] = ss_u8_clip(sum);
    }
}

static void resize_axis(ss_gpu *g, const ss_u8_axis &a, const uint8_t *x, int64_t outer,
                        int64_t inner, uint8_t *y)
{
    SS_LAUNCH(g, along, ss_grid(g, outer * a.out * inner), SS_BLOCK, 0, a, x, outer, inner, y);
}

SS_TWIN(resize_u8)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    ss_u8_axis h = ss_u8_axis_of(x->shape[1], y->shape[1]);
    ss_u8_axis w = ss_u8_axis_of(x->shape[2], y->shape[2]);
    uint8_t *middle = (uint8_t *)ss_u8_axis_at(&w, ss_u8_axis_at(&h, c->scratch));
    const uint8_t *from = ss_in_ptr<uint8_t>(c, 0);
    uint8_t *to = ss_out_ptr<uint8_t>(c, 0);
    const int64_t n = x->shape[0], channels = x->shape[3];
    if (y->count == 0) return SS_OK;
    if (h.most) SS_LAUNCH(g, weigh, ss_grid(g, h.out), SS_BLOCK, 0, h);
    if (w.most) SS_LAUNCH(g, weigh, ss_grid(g, w.out), SS_BLOCK, 0, w);
    if (!h.most && !w.most)
        cudaMemcpyAsync(to, from, (size_t)y->count, cudaMemcpyDeviceToDevice, g->stream);
    else if (!h.most)
        resize_axis(g, w, from, n * h.in, channels, to);
    else if (!w.most)
        resize_axis(g, h, from, n, w.out * channels, to);
    else
        for (int64_t k = 0; k < n; k++) {
            resize_axis(g, w, from + k * h.in * w.in * channels, h.in, channels, middle);
            resize_axis(g, h, middle, 1, w.out * channels, to + k * h.out * w.out * channels);
        }
    return ss_launched(c, g);
}
