/* surface_distances.cu — how far apart the surfaces of two masks are.
 *
 * Both distance maps cover the whole volume. Quantiles are found eleven, eleven and ten bits at a
 * time by counting (the bits of distances, which are not negative, have their order), all seven in
 * the same launches; how many distances there are stays on the device. */
#include "cuda/edt.h"
#include "cuda/scan.h"

enum { HD95_POOLED, HD95_MAX, ASD_AB, ASD_BA, ASSD, HD, NA, NB, COUNT };
/* The order statistics: beside the 95th percentile of both directions, of a to b, of b to a, below
 * and above; the greatest of both. */
enum { POOLED = 0, A_TO_B = 2, B_TO_A = 4, GREATEST = 6 };

/* What kernels see of the work. */
struct surfaces {
    const uint8_t *off[2];   /* 0 on the surface */
    const float *squared[2]; /* distances to it */
    uint32_t *bin, *key;
    uint64_t *rank;
    double *part, *total; /* per block and in all: sum a to b, sum b to a, voxels of a, of b */
};

/* Inside voxels with one of 6 neighbours outside; beyond the volume is outside. Stored inverted. */
SS_KERNEL(off_surface)(ss_masks m, const uint8_t *in, uint8_t *off)
{
    SS_EACH (i, m.count) {
        int32_t p[3];
        ss_voxel_place(m, i, p);
        const int64_t w = m.w, plane = m.h * m.w;
        const bool rim = p[0] == 0 || p[1] == 0 || p[2] == 0 || p[0] == m.d - 1 ||
                         p[1] == m.h - 1 || p[2] == w - 1;
        off[i] = !(in[i] && (rim || !in[i - 1] || !in[i + 1] || !in[i - w] || !in[i + w] ||
                             !in[i - plane] || !in[i + plane]));
    }
}

/* The distance from voxel i of surface k to the other one. */
SS_DEVICE float distance(const surfaces &s, int k, int64_t i)
{
    return sqrtf(s.squared[!k][i]);
}

/* SS_SURFACE_PARTS blocks, whatever the device, so that sums keep their order. */
SS_KERNEL(add_up)(surfaces s, int64_t count)
{
    double sum[4] = {0, 0, 0, 0};
    SS_EACH (i, count)
        for (int k = 0; k < 2; k++)
            if (!s.off[k][i]) {
                sum[k] += (double)distance(s, k, i);
                sum[2 + k] += 1;
            }
    for (int j = 0; j < 4; j++) {
        const double v = ss_block_sum(sum[j]);
        if (threadIdx.x == 0) s.part[4 * blockIdx.x + j] = v;
    }
}

/* Position of percentile q among n values, as the CPU has it. */
SS_DEVICE double place_of(double n, double q)
{
    return ss_prod(q / 100, n - 1);
}

/* One block of SS_SURFACE_PARTS threads: totals, and the ranks to look for. */
SS_KERNEL(set_ranks)(surfaces s)
{
    double n[3];
    for (int j = 0; j < 4; j++) {
        const double v = ss_block_sum(s.part[4 * threadIdx.x + j]);
        if (threadIdx.x == 0) s.total[j] = v;
        if (j >= 2) n[j - 1] = v;
    }
    n[0] = n[1] + n[2];
    if (threadIdx.x >= SS_SURFACE_QUERIES) return;
    const int q = (int)threadIdx.x;
    const double all = q < A_TO_B ? n[0] : q < B_TO_A ? n[1] : q < GREATEST ? n[2] : n[0];
    const double at = q == GREATEST ? all - 1 : floor(place_of(all, 95)) + (q & 1);
    s.key[q] = 0;
    s.rank[q] = at > 0 ? (uint64_t)(at < all - 1 ? at : all - 1) : 0;
}

SS_DEVICE void count_one(const surfaces &s, int q, uint32_t bits, int shift, int width)
{
    if (shift + width < 32 && bits >> (shift + width) != s.key[q]) return;
    atomicAdd(&s.bin[q * SS_SURFACE_BINS + (bits >> shift & ((1u << width) - 1))], 1u);
}
SS_KERNEL(count_digits)(surfaces s, int64_t count, int shift, int width)
{
    SS_EACH (i, count)
        for (int k = 0; k < 2; k++) {
            if (s.off[k][i]) continue;
            const uint32_t bits = __float_as_uint(distance(s, k, i));
            const int own = k ? B_TO_A : A_TO_B;
            for (int j = 0; j < 2; j++) {
                count_one(s, POOLED + j, bits, shift, width);
                count_one(s, own + j, bits, shift, width);
            }
            count_one(s, GREATEST, bits, shift, width);
        }
}

/* A block a query: the digit in whose bin its rank falls. */
SS_KERNEL(take_digit)(surfaces s, int width)
{
    const int q = (int)blockIdx.x, each = SS_SURFACE_BINS / SS_BLOCK;
    const uint32_t *bin = s.bin + q * SS_SURFACE_BINS + threadIdx.x * each;
    const uint64_t rank = s.rank[q];
    const uint32_t key = s.key[q];
    uint32_t sum = 0, total;
    for (int d = 0; d < each; d++) sum += bin[d];
    uint64_t before = ss_block_before(sum, &total);
    __syncthreads(); /* everyone has read rank and key */
    for (int d = 0; d < each; d++) {
        if (rank >= before && rank < before + bin[d]) {
            s.key[q] = key << width | (threadIdx.x * each + d);
            s.rank[q] = rank - before;
        }
        before += bin[d];
    }
}

SS_DEVICE float percentile(const surfaces &s, int q, double n)
{
    const double at = place_of(n, 95), part = at - floor(at);
    const float lo = __uint_as_float(s.key[q]), hi = __uint_as_float(s.key[q + 1]);
    if (part <= 0 || lo == hi) return lo;
    return (float)((double)lo + ss_prod((double)hi - (double)lo, part));
}
SS_KERNEL(report)(surfaces s, float *y)
{
    const double na = s.total[2], nb = s.total[3];
    for (int k = 0; k < COUNT; k++) y[k] = NAN;
    y[NA] = (float)na;
    y[NB] = (float)nb;
    if (na == 0 || nb == 0) return;
    const double ab = s.total[0] / na, ba = s.total[1] / nb;
    y[HD95_POOLED] = percentile(s, POOLED, na + nb);
    y[HD95_MAX] = fmaxf(percentile(s, A_TO_B, na), percentile(s, B_TO_A, nb));
    y[ASD_AB] = (float)ab;
    y[ASD_BA] = (float)ba;
    y[ASSD] = (float)((ab + ba) / 2);
    y[HD] = __uint_as_float(s.key[GREATEST]);
}

static void measure(ss_gpu *g, const surfaces &s, int64_t count, float *y)
{
    SS_LAUNCH(g, add_up, SS_SURFACE_PARTS, SS_BLOCK, 0, s, count);
    SS_LAUNCH(g, set_ranks, 1, SS_SURFACE_PARTS, 0, s);
    for (int shift = 21; shift >= 0; shift = shift == 21 ? 10 : shift - 10) {
        const int width = shift ? 11 : 10;
        ss_clear(g, s.bin, SS_SURFACE_QUERIES * SS_SURFACE_BINS * sizeof(uint32_t));
        SS_LAUNCH(g, count_digits, ss_grid(g, count), SS_BLOCK, 0, s, count, shift, width);
        SS_LAUNCH(g, take_digit, SS_SURFACE_QUERIES, SS_BLOCK, 0, s, width);
    }
    SS_LAUNCH(g, report, 1, 1, 0, s, y);
}

SS_KERNEL(nothing)(int64_t n, float *y)
{
    SS_EACH (i, n * COUNT) y[i] = i % COUNT >= NA ? 0 : NAN;
}

SS_TWIN(surface_distances)
{
    const ss_masks m = ss_masks_in(&c->in[0]);
    const ss_spacing spacing = ss_spacing_in(c, g, 2);
    const unsigned grid = ss_grid(g, m.count);
    float *y = ss_out_ptr<float>(c, 0);
    ss_arena a = {(char *)c->scratch, 0};
    const ss_surface_work w = ss_surface_work_of(&a, m.count);
    const surfaces s = {{w.edt[0].inside, w.edt[1].inside},
                        {w.edt[0].squared, w.edt[1].squared},
                        w.bin,
                        w.key,
                        w.rank,
                        w.part,
                        w.total};
    if (m.count == 0 && m.n > 0)
        SS_LAUNCH(g, nothing, ss_grid(g, m.n * COUNT), SS_BLOCK, 0, m.n, y);
    for (int64_t v = 0; v < m.n && m.count > 0; v++) {
        for (int k = 0; k < 2; k++) {
            SS_LAUNCH(g, ss_mask_bytes, grid, SS_BLOCK, 0,
                      ss_source_of(&c->in[k], m, v, SS_POSITIVE), m.count, w.inside[k]);
            SS_LAUNCH(g, off_surface, grid, SS_BLOCK, 0, m, w.inside[k], w.edt[k].inside);
            ss_edt(g, m, spacing, w.edt[k]);
        }
        measure(g, s, m.count, y + COUNT * v);
    }
    return ss_launched(c, g);
}
