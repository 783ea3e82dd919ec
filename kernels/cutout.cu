/* cutout.cu — a box of the image loses its contents. */
#include "cuda/image.h"
#include "support/cutout.h"

/* part[k] = sum of chunk k; chunks do not reach over volumes. A block a chunk. */
SS_KERNEL(add_chunks)(const float *x, ss_images m, int64_t chunks, double *part)
{
    for (int64_t k = blockIdx.x; k < m.n * chunks; k += gridDim.x) {
        const float *v = x + k / chunks * m.count;
        const int64_t from = k % chunks * SS_CHUNK;
        const int64_t to = from + SS_CHUNK < m.count ? from + SS_CHUNK : m.count;
        double sum = 0;
        for (int64_t i = from + threadIdx.x; i < to; i += blockDim.x) sum += (double)v[i];
        sum = ss_block_sum(sum);
        if (threadIdx.x == 0) part[k] = sum;
    }
}

/* y = x but for the box. Each block belongs to one volume (blockIdx.y); part NULL: `value`. */
SS_KERNEL(overwrite)
(const float *x, const float *box, ss_images m, int64_t chunks, const double *part, float value,
 float *y)
{
    for (int64_t n = blockIdx.y; n < m.n; n += gridDim.y) {
        int64_t r[3][2];
        float fill = value;
        for (int a = 0; a < 3; a++) ss_cutout_range(box[a], box[3 + a], m.size[a], r[a]);
        if (part) {
            double sum = 0;
            for (int64_t k = threadIdx.x; k < chunks; k += blockDim.x) sum += part[n * chunks + k];
            fill = (float)(ss_block_sum(sum) / (double)m.count);
        }
        SS_EACH (i, m.count) {
            const ss_place p = ss_place_of(m, i / m.c);
            bool in = true;
            for (int a = 0; a < 3; a++) in = in && p.at[a] >= r[a][0] && p.at[a] < r[a][1];
            y[n * m.count + i] = in ? fill : x[n * m.count + i];
        }
    }
}

SS_TWIN(cutout)
{
    ss_images m;
    const ss_status s = ss_images_of(c, 0, &m);
    const float *x = ss_in_ptr<float>(c, 0);
    double *part = c->attr[0].n < 0 ? (double *)c->scratch : nullptr;
    if (s || c->out[0].count == 0) return s;
    const int64_t chunks = ss_ceil_div(m.count, SS_CHUNK);
    if (part)
        SS_LAUNCH(g, add_chunks, ss_grid(g, m.n * chunks, 1), SS_BLOCK, 0, x, m, chunks, part);
    const unsigned volumes = (unsigned)(m.n < 65535 ? m.n : 65535);
    SS_LAUNCH(g, overwrite, dim3(ss_grid(g, m.count), volumes), SS_BLOCK, 0, x,
              ss_in_ptr<float>(c, 1), m, chunks, part, (float)c->attr[0].num,
              ss_out_ptr<float>(c, 0));
    return ss_launched(c, g);
}
