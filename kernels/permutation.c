/* permutation.c — a random order of 0..n-1, counted by key (Fisher-Yates). */
#include "cpu.h"
#include "support/cuda_permutation.h"
#include "support/philox.h"

static ss_status infer(ss_call *c)
{
    const int64_t n = c->attr[0].v[0];
    if (n < 0 || n > UINT32_MAX)
        return ss_fail(c, SS_E_ARG, "n must be in [0, 2^32), got %lld", (long long)n);
    return ss_out(c, 0, SS_I64, 1, &n);
}

static ss_status plan_cuda(ss_call *c)
{
    ss_arena a = {NULL, 0};
    ss_permute_work_of(&a, c->attr[0].v[0]);
    c->scratch_bytes = a.used;
    return SS_OK;
}

static ss_status cpu(ss_call *c)
{
    const int64_t n = c->attr[0].v[0];
    const uint64_t key = (uint64_t)c->attr[1].v[0];
    int64_t *y = c->out[0].data;
    for (int64_t i = 0; i < n; i++) y[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = ss_below(key, (uint64_t)i, (uint32_t)(i + 1));
        const int64_t t = y[i];
        y[i] = y[j];
        y[j] = t;
    }
    return SS_OK;
}

const ss_op SS_OP(permutation) = {
    .name = "permutation",
    .sig = "n: int, key: int",
    .doc = "The numbers 0..n-1 as i64 in a random order; every order is equally likely. The same "
           "key gives the same order.",
    .infer = infer,
    .plan_cuda = plan_cuda,
    .cpu = cpu,
    .flags = SS_OP_NO_GRAD | SS_OP_RANDOM,
};
