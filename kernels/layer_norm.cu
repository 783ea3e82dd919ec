/* layer_norm.cu — every row of the last axis to mean 0 and variance 1: a block a row. */
#include "cuda/number.h"

SS_KERNEL(norm_rows)
(ss_view x, ss_view weight, ss_view bias, ss_view y, float *mean, float *rstd, int64_t rows,
 int64_t n, float eps)
{
    for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
        float s = 0, q = 0;
        for (int64_t j = threadIdx.x; j < n; j += blockDim.x)
            s += ss_load(x.data, x.dtype, r * n + j);
        const float m = ss_block_sum(s) / (float)n;
        for (int64_t j = threadIdx.x; j < n; j += blockDim.x) {
            const float d = ss_load(x.data, x.dtype, r * n + j) - m;
            q += d * d;
        }
        const float k = 1 / sqrtf(ss_block_sum(q) / (float)n + eps);
        for (int64_t j = threadIdx.x; j < n; j += blockDim.x) {
            const float w = weight.present ? ss_load(weight.data, weight.dtype, j) : 1;
            const float b = bias.present ? ss_load(bias.data, bias.dtype, j) : 0;
            const float v = ss_load(x.data, x.dtype, r * n + j);
            ss_store(y.data, y.dtype, r * n + j, (v - m) * k * w + b);
        }
        if (threadIdx.x == 0) mean[r] = m, rstd[r] = k;
    }
}

SS_TWIN(layer_norm)
{
    const ss_view *x = &c->in[0];
    const int64_t n = x->shape[x->ndim - 1], rows = n ? x->count / n : 0;
    if (rows)
        SS_LAUNCH(g, norm_rows, ss_grid(g, rows, 1), ss_block_for(n), 0, c->in[0], c->in[1],
                  c->in[2], c->out[0], ss_out_ptr<float>(c, 1), ss_out_ptr<float>(c, 2), rows, n,
                  (float)c->attr[0].num);
    return ss_launched(c, g);
}
