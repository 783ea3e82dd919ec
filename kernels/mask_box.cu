/* mask_box.cu — the corners of what a mask encloses. */
#include "cuda/mask.h"

SS_KERNEL(begin)(int64_t n, int32_t *box)
{
    SS_EACH (i, n * 6) box[i] = i % 6 < 3 ? INT32_MAX : -1;
}

/* Blocks belong to one volume (blockIdx.y). */
SS_KERNEL(enclose)(ss_source s, ss_masks m, int32_t *box)
{
    for (int64_t n = blockIdx.y; n < m.n; n += gridDim.y) {
        int32_t lo[3] = {INT32_MAX, INT32_MAX, INT32_MAX}, hi[3] = {-1, -1, -1};
        SS_EACH (i, m.count) {
            int32_t p[3];
            if (!ss_inside(s, n * m.count + i)) continue;
            ss_voxel_place(m, i, p);
            for (int a = 0; a < 3; a++) {
                lo[a] = p[a] < lo[a] ? p[a] : lo[a];
                hi[a] = p[a] > hi[a] ? p[a] : hi[a];
            }
        }
        for (int a = 0; a < 3; a++) {
            for (int d = SS_WARP / 2; d > 0; d /= 2) {
                const int32_t l = __shfl_xor_sync(SS_ALL, lo[a], d);
                const int32_t h = __shfl_xor_sync(SS_ALL, hi[a], d);
                lo[a] = l < lo[a] ? l : lo[a];
                hi[a] = h > hi[a] ? h : hi[a];
            }
            if (threadIdx.x % SS_WARP || hi[a] < 0) continue;
            atomicMin(&box[6 * n + a], lo[a]);
            atomicMax(&box[6 * n + 3 + a], hi[a]);
        }
    }
}

SS_KERNEL(finish)(int64_t n, const int32_t *box, float *y)
{
    SS_EACH (i, n * 6) y[i] = box[i / 6 * 6 + 3] < 0 ? NAN : (float)box[i];
}

SS_TWIN(mask_box)
{
    const ss_masks m = ss_masks_in(&c->in[0]);
    int32_t *box = (int32_t *)c->scratch;
    const unsigned volumes = (unsigned)(m.n < 65535 ? m.n : 65535);
    if (m.n == 0) return SS_OK;
    SS_LAUNCH(g, begin, ss_grid(g, m.n * 6), SS_BLOCK, 0, m.n, box);
    if (m.count)
        SS_LAUNCH(g, enclose, dim3(ss_grid(g, m.count), volumes), SS_BLOCK, 0,
                  ss_source_of(&c->in[0], m, 0, SS_POSITIVE), m, box);
    SS_LAUNCH(g, finish, ss_grid(g, m.n * 6), SS_BLOCK, 0, m.n, box, ss_out_ptr<float>(c, 0));
    return ss_launched(c, g);
}
