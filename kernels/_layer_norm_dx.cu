/* _layer_norm_dx.cu — gradients of layer_norm: dx by rows, then the sums over the rows of dy xhat
 * and dy by columns, in chunks whose number depends on the shape alone. */
#include "cuda/cuda.h"
#include "support/cuda_layer_norm.h"

enum { DY, X, MEAN, RSTD, WEIGHT };
enum { BESIDE = 32, DEEP = 8 }; /* columns and rows of a block that sums columns */

SS_KERNEL(row_grads)
(ss_view dy, ss_view x, const float *mean, const float *rstd, ss_view weight, ss_view dx,
 int64_t rows, int64_t n)
{
    for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
        const float m = mean[r], s = rstd[r];
        float s1 = 0, s2 = 0;
        for (int64_t j = threadIdx.x; j < n; j += blockDim.x) {
            const float w = weight.present ? ss_load(weight.data, weight.dtype, j) : 1;
            const float d = ss_load(dy.data, dy.dtype, r * n + j) * w;
            s1 += d;
            s2 += d * (ss_load(x.data, x.dtype, r * n + j) - m) * s;
        }
        s1 = ss_block_sum(s1) / (float)n;
        s2 = ss_block_sum(s2) / (float)n;
        for (int64_t j = threadIdx.x; j < n; j += blockDim.x) {
            const float w = weight.present ? ss_load(weight.data, weight.dtype, j) : 1;
            const float d = ss_load(dy.data, dy.dtype, r * n + j) * w;
            const float h = (ss_load(x.data, x.dtype, r * n + j) - m) * s;
            ss_store(dx.data, dx.dtype, r * n + j, s * (d - s1 - h * s2));
        }
    }
}

/* part[chunks, 2, n]: sums of dy xhat and of dy over the rows of a chunk. */
SS_KERNEL(column_sums)
(ss_view dy, ss_view x, const float *mean, const float *rstd, ss_layer_chunks k, float *part)
{
    SS_SHARED(float, dw, [DEEP][BESIDE]);
    SS_SHARED(float, db, [DEEP][BESIDE]);
    const int64_t groups = (k.n + BESIDE - 1) / BESIDE, chunk = blockIdx.x / groups;
    const int lane = threadIdx.x % BESIDE, deep = threadIdx.x / BESIDE;
    const int64_t j = blockIdx.x % groups * BESIDE + lane;
    const int64_t last = (chunk + 1) * k.per, end = j >= k.n ? 0 : last < k.rows ? last : k.rows;
    float w = 0, b = 0;
    for (int64_t r = chunk * k.per + deep; r < end; r += DEEP) {
        const float d = ss_load(dy.data, dy.dtype, r * k.n + j);
        w += d * (ss_load(x.data, x.dtype, r * k.n + j) - mean[r]) * rstd[r];
        b += d;
    }
    dw[deep][lane] = w;
    db[deep][lane] = b;
    __syncthreads();
    if (deep || j >= k.n) return;
    for (int i = 1; i < DEEP; i++) w += dw[i][lane], b += db[i][lane];
    part[2 * chunk * k.n + j] = w;
    part[(2 * chunk + 1) * k.n + j] = b;
}

SS_KERNEL(column_join)(const float *part, ss_layer_chunks k, float *dweight, float *dbias)
{
    SS_EACH (j, k.n) {
        double w = 0, b = 0;
        for (int64_t i = 0; i < k.chunks; i++) {
            w += (double)part[2 * i * k.n + j];
            b += (double)part[(2 * i + 1) * k.n + j];
        }
        dweight[j] = (float)w;
        dbias[j] = (float)b;
    }
}

SS_TWIN(_layer_norm_dx)
{
    const ss_layer_chunks k = ss_layer_chunks_of(&c->in[X]);
    const float *mean = ss_in_ptr<float>(c, MEAN), *rstd = ss_in_ptr<float>(c, RSTD);
    float *part = (float *)c->scratch;
    if (k.n == 0) return SS_OK;
    if (k.rows) {
        SS_LAUNCH(g, row_grads, ss_grid(g, k.rows, 1), ss_block_for(k.n), 0, c->in[DY], c->in[X],
                  mean, rstd, c->in[WEIGHT], c->out[0], k.rows, k.n);
        SS_LAUNCH(g, column_sums, (unsigned)(k.chunks * ((k.n + BESIDE - 1) / BESIDE)),
                  BESIDE * DEEP, 0, c->in[DY], c->in[X], mean, rstd, k, part);
    }
    SS_LAUNCH(g, column_join, ss_grid(g, k.n), SS_BLOCK, 0, part, k, ss_out_ptr<float>(c, 1),
              ss_out_ptr<float>(c, 2));
    return ss_launched(c, g);
}
