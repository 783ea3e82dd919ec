/* masked_mse.cu — masked mean squared difference per sample, averaged over the samples that have
 * a mask. */
#include "cuda/parts.h"
#include "cuda/weights.h"

enum { P, Q, MASK };
enum { BALANCE_NONE, BALANCE_FG };
enum { SUMS = 4 }; /* weighted squares and weights where q > 0.5, then elsewhere */

SS_KERNEL(mse_sums)
(ss_view p, ss_view q, ss_weights mask, int64_t n, int64_t parts, double *part)
{
    const int64_t sample = blockIdx.x / parts, b = blockIdx.x % parts;
    double s[SUMS] = {};
    for (int64_t k = b * blockDim.x + threadIdx.x; k < n; k += parts * blockDim.x) {
        const int64_t i = sample * n + k;
        const float y = ss_load(q.data, q.dtype, i), w = ss_weight(mask, i);
        const float d = ss_load(p.data, p.dtype, i) - y;
        const double e = w != 0 ? (double)(w * d * d) : 0;
        if (y > 0.5f)
            s[0] += e, s[1] += (double)w;
        else
            s[2] += e, s[3] += (double)w;
    }
    for (int k = 0; k < SUMS; k++) {
        const double all = ss_block_sum(s[k]);
        if (threadIdx.x == 0) part[(int64_t)blockIdx.x * SUMS + k] = all;
    }
}

/* Loss of one sample and what one element of foreground and background weighs in it. */
SS_DEVICE double sample_loss(const double *s, bool balance, double *weight)
{
    weight[0] = weight[1] = 0;
    if (!balance) {
        const double total = s[1] + s[3];
        if (total > 0) weight[0] = weight[1] = 1 / total;
    } else {
        const double classes = (s[1] > 0) + (s[3] > 0);
        if (s[1] > 0) weight[0] = 1 / (classes * s[1]);
        if (s[3] > 0) weight[1] = 1 / (classes * s[3]);
    }
    return weight[0] * s[0] + weight[1] * s[2];
}

SS_KERNEL(mse_join)
(const double *part, int64_t parts, int64_t samples, bool balance, float *loss, float *factor)
{
    double total = 0;
    int64_t used = 0;
    for (int64_t i = 0; i < samples; i++) {
        double s[SUMS], weight[2];
        for (int k = 0; k < SUMS; k++)
            s[k] = ss_join_parts(part + i * parts * SUMS + k, parts, SUMS);
        total += sample_loss(s, balance, weight);
        used += s[1] + s[3] > 0;
        if (threadIdx.x) continue;
        factor[2 * i] = (float)(2 * weight[0]);
        factor[2 * i + 1] = (float)(2 * weight[1]);
    }
    __syncthreads();
    if (used < 1) used = 1;
    for (int64_t i = threadIdx.x; i < 2 * samples; i += blockDim.x) factor[i] /= (float)used;
    if (threadIdx.x == 0) *loss = (float)(total / (double)used);
}

SS_TWIN(masked_mse)
{
    const ss_view *p = &c->in[P];
    const int64_t samples = p->shape[0], n = samples ? p->count / samples : 0;
    const int64_t parts = ss_parts_of(n);
    double *part = (double *)c->scratch;
    if (samples)
        SS_LAUNCH(g, mse_sums, (unsigned)(samples * parts), SS_BLOCK, 0, *p, c->in[Q],
                  ss_weights_of(&c->in[MASK], p), n, parts, part);
    SS_LAUNCH(g, mse_join, 1, SS_BLOCK, 0, part, parts, samples, c->attr[0].v[0] == BALANCE_FG,
              ss_out_ptr<float>(c, 0), ss_out_ptr<float>(c, 1));
    return ss_launched(c, g);
}
