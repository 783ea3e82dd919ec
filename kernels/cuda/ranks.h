/* ranks.h — elements of given rank, exactly: three histogram passes over bit patterns that sort as
 * the numbers do, all searches side by side. Counts are integers, so their order does not matter.
 */
#ifndef SEMISAM_CUDA_RANKS_H
#define SEMISAM_CUDA_RANKS_H
#include "number.h"
#include "support/ranks.h"

/* The memory of support/ranks.h, taken apart. */
struct ss_ranks {
    const void *x;
    ss_dtype type;
    int64_t count, searches;
    unsigned *nan; /* not 0: x holds one */
    ss_rank *rank;
    unsigned long long *bins; /* SS_RANK_BINS a search */
};
static inline ss_ranks ss_ranks_of(const ss_view *x, int64_t searches, void *scratch)
{
    char *p = (char *)scratch;
    ss_rank *rank = (ss_rank *)(p + 16);
    return {x->data,
            x->dtype,
            x->count,
            searches,
            (unsigned *)p,
            rank,
            (unsigned long long *)(rank + searches)};
}

/* Unsigned order of the result = numeric order of the floats. */
SS_DEVICE uint32_t ss_sortable(float x)
{
    const uint32_t u = __float_as_uint(x);
    return u & 0x80000000u ? ~u : u | 0x80000000u;
}
SS_DEVICE float ss_from_sortable(uint32_t u)
{
    return __uint_as_float(u & 0x80000000u ? u & 0x7fffffffu : ~u);
}

/* Counts the digits of `bits` width among the elements that are left. blockIdx.y: the search. */
SS_KERNEL(ss_ranks_count)(ss_ranks s, int shift, int bits)
{
    SS_SHARED(unsigned, bin, [SS_RANK_BINS]);
    for (int64_t q = blockIdx.y; q < s.searches; q += gridDim.y) {
        const uint32_t prefix = s.rank[q].prefix, mask = (1u << bits) - 1;
        for (int i = (int)threadIdx.x; i < SS_RANK_BINS; i += (int)blockDim.x) bin[i] = 0;
        __syncthreads();
        SS_EACH (i, s.count) {
            const float v = ss_load(s.x, s.type, i);
            const uint32_t u = ss_sortable(v);
            if (v != v && q == 0) atomicOr(s.nan, 1u);
            if (shift + bits == 32 || u >> (shift + bits) == prefix)
                atomicAdd(&bin[(u >> shift) & mask], 1u);
        }
        __syncthreads();
        for (int i = (int)threadIdx.x; i < SS_RANK_BINS; i += (int)blockDim.x)
            if (bin[i]) atomicAdd(&s.bins[q * SS_RANK_BINS + i], (unsigned long long)bin[i]);
        __syncthreads();
    }
}

/* Chooses the digit whose bin holds the rank and clears the bins. A block a search; each thread
 * owns neighbouring bins. */
SS_KERNEL(ss_ranks_choose)(ss_ranks s, int bits)
{
    enum { OWN = SS_RANK_BINS / SS_BLOCK };
    SS_SHARED(unsigned long long, before, [SS_BLOCK + 1]);
    const int t = (int)threadIdx.x;
    for (int64_t q = blockIdx.x; q < s.searches; q += gridDim.x) {
        unsigned long long *bin = s.bins + q * SS_RANK_BINS + t * OWN, sum = 0;
        const unsigned long long rank = (unsigned long long)s.rank[q].rank;
        const uint32_t prefix = s.rank[q].prefix;
        for (int i = 0; i < OWN; i++) sum += bin[i];
        before[t + 1] = sum;
        if (t == 0) before[0] = 0;
        __syncthreads();
        for (int d = 1; d < SS_BLOCK; d *= 2) { /* sums of all before, doubling the reach */
            const unsigned long long add = t + 1 > d ? before[t + 1 - d] : 0;
            __syncthreads();
            before[t + 1] += add;
            __syncthreads();
        }
        if (rank >= before[t] && rank < before[t + 1]) { /* one thread */
            unsigned long long k = rank - before[t];
            int i = 0;
            while (k >= bin[i]) k -= bin[i++];
            s.rank[q].prefix = prefix << bits | (uint32_t)(t * OWN + i);
            s.rank[q].rank = (int64_t)k;
        }
        for (int i = 0; i < OWN; i++) bin[i] = 0;
        __syncthreads();
    }
}

/* ss_ranks_search() — after s.rank[0..searches) was written and the rest of the scratch cleared:
 * prefix of every search becomes the ss_sortable() bits of its element. */
static inline void ss_ranks_search(ss_gpu *g, const ss_ranks &s)
{
    static const int shift[] = {21, 10, 0}, bits[] = {11, 11, 10};
    const unsigned some = (unsigned)(s.searches < 64 ? s.searches : 64);
    const dim3 grid(ss_grid(g, s.count, SS_BLOCK * 16), some);
    for (int pass = 0; pass < 3; pass++) {
        SS_LAUNCH(g, ss_ranks_count, grid, SS_BLOCK, 0, s, shift[pass], bits[pass]);
        SS_LAUNCH(g, ss_ranks_choose, ss_grid(g, s.searches, 1), SS_BLOCK, 0, s, bits[pass]);
    }
}
/* All of the scratch cleared, before ranks are written. */
static inline void ss_ranks_clear(ss_gpu *g, const ss_ranks &s)
{
    cudaMemsetAsync(s.nan, 0, ss_ranks_scratch(s.searches), g->stream);
}
#endif
