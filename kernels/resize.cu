/* resize.cu — images and volumes to another grid: a block per output row, neighbours read
 * neighbours. */
#include "cuda/resize.h"

SS_KERNEL(blend_rows)(ss_view x, ss_view y, ss_resize_plan p, int64_t rows)
{
    const ss_taps &d = p.a[0], &h = p.a[1], &w = p.a[2];
    const int64_t size[3] = {1, d.out, h.out};
    for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
        int64_t at[3];
        const int64_t n = ss_place(r, size, at), od = at[1], oh = at[2];
        for (int64_t e = threadIdx.x; e < w.out * p.c; e += blockDim.x) {
            int64_t j;
            const int64_t o = ss_split(e, p.c, &j);
            float sum = 0;
            for (int kw = 0; kw < w.count[o]; kw++) {
                const int64_t column = (w.first[o] + kw) * p.c + j;
                float v = 0;
                for (int kd = 0; kd < d.count[od]; kd++)
                    for (int kh = 0; kh < h.count[oh]; kh++) {
                        const float f = d.w[od * d.most + kd] * h.w[oh * h.most + kh];
                        const int64_t row = (n * d.in + d.first[od] + kd) * h.in + h.first[oh] + kh;
                        if (f == 0 && !p.taps) continue;
                        v += f * ss_load(x.data, x.dtype, row * w.in * p.c + column);
                    }
                sum += w.w[o * w.most + kw] * v;
            }
            ss_store(y.data, y.dtype, r * w.out * p.c + e, sum);
        }
    }
}

template <class T> SS_KERNEL(pick_rows)(const T *x, T *y, ss_resize_plan p, int64_t rows)
{
    const ss_taps &d = p.a[0], &h = p.a[1], &w = p.a[2];
    const int64_t size[3] = {1, d.out, h.out};
    for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
        int64_t at[3];
        const int64_t n = ss_place(r, size, at);
        const T *from = x + ((n * d.in + d.first[at[1]]) * h.in + h.first[at[2]]) * w.in * p.c;
        for (int64_t e = threadIdx.x; e < w.out * p.c; e += blockDim.x) {
            int64_t j;
            const int64_t o = ss_split(e, p.c, &j);
            y[r * w.out * p.c + e] = from[w.first[o] * p.c + j];
        }
    }
}

template <class T> static void pick(ss_call *c, ss_gpu *g, const ss_resize_plan &p, int64_t rows)
{
    SS_LAUNCH(g, pick_rows<T>, ss_grid(g, rows, 1), ss_block_for(p.a[2].out * p.c), 0,
              ss_in_ptr<T>(c, 0), ss_out_ptr<T>(c, 0), p, rows);
}

SS_TWIN(resize)
{
    const ss_view *x = &c->in[0], *y = &c->out[0];
    if (y->count == 0) return SS_OK;
    const ss_resize_plan p = ss_resize_tables_on(c, g, x, y, false);
    const int64_t rows = p.n * p.a[0].out * p.a[1].out;
    if (p.how.mode != SS_RESIZE_NEAREST) {
        SS_LAUNCH(g, blend_rows, ss_grid(g, rows, 1), ss_block_for(p.a[2].out * p.c), 0, *x, *y, p,
                  rows);
        return ss_launched(c, g);
    }
    switch (ss_dtype_bytes(x->dtype)) {
    case 1:
        pick<uint8_t>(c, g, p, rows);
        break;
    case 2:
        pick<uint16_t>(c, g, p, rows);
        break;
    case 4:
        pick<uint32_t>(c, g, p, rows);
        break;
    default:
        pick<uint64_t>(c, g, p, rows);
    }
    return ss_launched(c, g);
}
