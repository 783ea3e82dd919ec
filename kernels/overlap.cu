/* overlap.cu — how two masks agree, as counts of voxels. */
#include "cuda/mask.h"
#include "cuda/scan.h"

/* y[0], y[1], y[2] of each volume: voxels of both masks, of a, of b. */
SS_KERNEL(tally)(ss_source a, ss_source b, ss_masks m, unsigned long long *y)
{
    for (int64_t n = blockIdx.y; n < m.n; n += gridDim.y) {
        unsigned long long count[3] = {0, 0, 0};
        SS_EACH (i, m.count) {
            const bool in_a = ss_inside(a, n * m.count + i), in_b = ss_inside(b, n * m.count + i);
            count[0] += in_a && in_b;
            count[1] += in_a;
            count[2] += in_b;
        }
        for (int k = 0; k < 3; k++) {
            const unsigned long long sum = ss_block_sum(count[k]);
            if (threadIdx.x == 0 && sum) atomicAdd(&y[4 * n + k], sum);
        }
    }
}

/* In both, in a alone, in b alone, in neither. */
SS_KERNEL(finish)(ss_masks m, int64_t *y)
{
    SS_EACH (n, m.n) {
        int64_t *v = y + 4 * n;
        const int64_t both = v[0], a = v[1], b = v[2];
        v[1] = a - both;
        v[2] = b - both;
        v[3] = m.count - a - b + both;
    }
}

SS_TWIN(overlap)
{
    const ss_masks m = ss_masks_in(&c->in[0]);
    const unsigned volumes = (unsigned)(m.n < 65535 ? m.n : 65535);
    if (m.n == 0) return SS_OK;
    ss_clear(g, c->out[0].data, (size_t)(m.n * 4) * sizeof(int64_t));
    if (m.count)
        SS_LAUNCH(g, tally, dim3(ss_grid(g, m.count), volumes), SS_BLOCK, 0,
                  ss_source_of(&c->in[0], m, 0, SS_POSITIVE),
                  ss_source_of(&c->in[1], m, 0, SS_POSITIVE), m,
                  ss_out_ptr<unsigned long long>(c, 0));
    SS_LAUNCH(g, finish, ss_grid(g, m.n), SS_BLOCK, 0, m, ss_out_ptr<int64_t>(c, 0));
    return ss_launched(c, g);
}
