/* sum_squares.c — sum of squares, accumulated in double; for gradient norms. */
#include "support/fold.h"
#include "support/loss_mask.h"

static ss_status infer(ss_call *c)
{
    return ss_out(c, 0, SS_F32, 0, NULL);
}

static ss_status plan(ss_call *c)
{
    c->scratch_bytes = (size_t)ss_ceil_div(c->in[0].count, SS_CHUNK) * 8;
    return SS_OK;
}

static ss_status plan_cuda(ss_call *c)
{
    const ss_attr all = {.n = -1};
    c->scratch_bytes = ss_fold_scratch(&c->in[0], &all);
    return SS_OK;
}

enum { LANES = 8 };

static ss_status cpu(ss_call *c)
{
    const ss_view *x = &c->in[0];
    const int64_t chunks = ss_ceil_div(x->count, SS_CHUNK);
    double *part = (double *)c->scratch, total = 0;
    SS_PARALLEL_FOR (b, chunks, SS_CHUNK) {
        float buf[SS_CHUNK];
        double acc[LANES] = {0};
        const int64_t n = ss_min64(SS_CHUNK, x->count - b * SS_CHUNK);
        const float *v = ss_block_in(x, b * SS_CHUNK, n, buf);
        int64_t i = 0;
        for (; i + LANES <= n; i += LANES)
            for (int l = 0; l < LANES; l++) acc[l] += (double)v[i + l] * (double)v[i + l];
        for (; i < n; i++) acc[0] += (double)v[i] * (double)v[i];
        part[b] = 0;
        for (int l = 0; l < LANES; l++) part[b] += acc[l];
    }
    for (int64_t b = 0; b < chunks; b++) total += part[b];
    *ss_out_f32(c, 0) = (float)total;
    return SS_OK;
}

const ss_op SS_OP(sum_squares) = {
    .name = "sum_squares",
    .sig = "x: float",
    .doc = "Sum of the squares of all elements as an f32 scalar, accumulated in double. Carries no "
           "gradient.",
    .infer = infer,
    .plan = plan,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD,
};
