/* permutation.cu — the order that Fisher and Yates' swaps leave, without making them one by one.
 *
 * Step i = n-1 .. 1 swaps places i and j[i] <= i; then place i is final. What it got is what place
 * j[i] held: that came from the latest step s > i with j[s] = j[i], which had put there what place
 * s held before it, and so on; without such a step it is j[i] itself. So steps with a common
 * partner are listed in order, every step points to the one its place was fed by, and the end of
 * each chain is found by doubling the jumps. */
#include "cuda/scan.h"
#include "support/cuda_permutation.h"
#include "support/philox.h"

SS_KERNEL(draw)(uint64_t key, int64_t n, uint32_t *partner, uint32_t *first)
{
    SS_EACH (i, n) {
        const uint32_t j = i ? ss_below(key, (uint64_t)i, (uint32_t)(i + 1)) : 0;
        partner[i] = j;
        atomicAdd(&first[j], 1u);
    }
}

/* Members of a list come in any order; link() sorts them. */
SS_KERNEL(gather)
(int64_t n, const uint32_t *partner, const uint32_t *first, uint32_t *taken, uint32_t *member)
{
    SS_EACH (i, n) {
        const uint32_t j = partner[i];
        member[first[j] + atomicAdd(&taken[j], 1u)] = (uint32_t)i;
    }
}

/* Step i itself marks "none". Lists are short: about ln(n / p) steps share partner p. */
SS_KERNEL(link)(int64_t n, const uint32_t *first, uint32_t *member, uint32_t *source, uint32_t *up)
{
    SS_EACH (p, n) {
        const uint32_t from = first[p], to = first[p + 1];
        for (uint32_t a = from + 1; a < to; a++) {
            const uint32_t v = member[a];
            uint32_t b = a;
            for (; b > from && member[b - 1] > v; b--) member[b] = member[b - 1];
            member[b] = v;
        }
        uint32_t later = (uint32_t)p; /* the earliest step after p that swapped with p */
        for (uint32_t a = from; a < to; a++) {
            const uint32_t i = member[a];
            source[i] = a + 1 < to ? member[a + 1] : i;
            if (later == (uint32_t)p && i > (uint32_t)p) later = i;
        }
        up[p] = later;
    }
}

SS_KERNEL(jump)(int64_t n, const uint32_t *from, uint32_t *to)
{
    SS_EACH (i, n) to[i] = from[from[i]];
}

SS_KERNEL(finish)
(int64_t n, const uint32_t *partner, const uint32_t *source, const uint32_t *up, int64_t *y)
{
    SS_EACH (i, n) y[i] = source[i] == (uint32_t)i ? partner[i] : up[source[i]];
}

SS_TWIN(permutation)
{
    const int64_t n = c->out[0].count;
    const unsigned grid = ss_grid(g, n);
    ss_arena a = {(char *)c->scratch, 0};
    const ss_permute_work w = ss_permute_work_of(&a, n);
    int from = 0;
    if (n == 0) return SS_OK;
    ss_clear(g, w.first, (size_t)(n + 1) * sizeof(uint32_t));
    ss_clear(g, w.taken, (size_t)n * sizeof(uint32_t));
    SS_LAUNCH(g, draw, grid, SS_BLOCK, 0, (uint64_t)c->attr[1].v[0], n, w.partner, w.first);
    ss_scan(g, w.first, n + 1, w.scan);
    SS_LAUNCH(g, gather, grid, SS_BLOCK, 0, n, w.partner, w.first, w.taken, w.member);
    SS_LAUNCH(g, link, grid, SS_BLOCK, 0, n, w.first, w.member, w.source, w.up[0]);
    for (int64_t reach = 1; reach < n; reach *= 2, from ^= 1)
        SS_LAUNCH(g, jump, grid, SS_BLOCK, 0, n, w.up[from], w.up[!from]);
    SS_LAUNCH(g, finish, grid, SS_BLOCK, 0, n, w.partner, w.source, w.up[from],
              ss_out_ptr<int64_t>(c, 0));
    return ss_launched(c, g);
}
