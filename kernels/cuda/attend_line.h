/* attend_line.h — the official three-dimensional form backwards: terms of a query's line come from
 * other queries of the line, so a block takes a whole line. */
#ifndef SEMISAM_CUDA_ATTEND_LINE_H
#define SEMISAM_CUDA_ATTEND_LINE_H
#include "attend_grad.h"

/* Adds the column sums of dS to the terms of the line's queries that the keys take: those of axis 1
 * by the key's first and last index, of axis 2 by its second and last. Begins and ends with a
 * barrier. */
SS_DEVICE void ss_at_line_columns(const ss_cuda_attend &a, int64_t unit, int64_t line, int64_t k0,
                                  int rows, const float *p)
{
    SS_SHARED(ss_at_chains, pairs, [2]);
    SS_SHARED(float, sum, [SS_AT_TILE]);
    const int64_t g = a.grid[2], t0 = line * g;
    __syncthreads();
    for (int k = threadIdx.x; k < SS_AT_TILE; k += SS_AT_THREADS) {
        int64_t spot[3];
        float s = 0;
        ss_at_spot(a, k0 + k, spot);
        for (int x = 0; x < 2; x++)
            pairs[x].group[k] = k0 + k < a.tk ? (int32_t)(spot[x] * g + spot[2]) : -1;
        for (int r = 0; r < rows; r++) s += p[r * SS_AT_WIDE + k];
        sum[k] = s;
    }
    __syncthreads();
    ss_at_link(pairs, 2);
    __syncthreads();
    for (int i = threadIdx.x; i < 2 * SS_AT_TILE; i += SS_AT_THREADS) {
        const int x = i / SS_AT_TILE, first = i % SS_AT_TILE, group = pairs[x].group[first];
        float s = 0;
        if (!pairs[x].first[first]) continue;
        for (int k = first; k >= 0; k = pairs[x].next[k]) s += sum[k];
        *ss_at_dterm(a, unit, x + 1, group % g, t0 + group / g) += s;
    }
    __syncthreads();
}

/* Padding: the shares of the last index l go to the first term of the line's queries, and what they
 * sum to through the sums over the line to the other two. */
SS_DEVICE void ss_at_line_padding(const ss_cuda_attend &a, const ss_at_unit &u, int64_t line)
{
    const int64_t g = a.grid[2], n = a.window[2], t0 = line * g;
    for (int64_t l = threadIdx.x; l < n; l += blockDim.x) {
        const float log_l = a.line_log[(u.i * a.lines + line) * n + l];
        const ss_at_axis h = ss_at_line_sum(a, u, line, 1, l), w = ss_at_line_sum(a, u, line, 2, l);
        const float total = ss_at_line_total(a, h, w, l), hs = h.real + h.pad, ws = w.real + w.pad;
        float d = 0;
        for (int64_t t = t0; t < t0 + g; t++) {
            const int64_t at = u.i * a.tq + t;
            const float e = a.pad_ds[at] * expf(a.terms[at * a.wide + l] + log_l - a.pad_log[at]);
            *ss_at_dterm(a, u.i, 0, l, t) += e;
            d += e;
        }
        for (int64_t i = 0; i < n; i++) {
            const bool in = i < g && l < g;
            const float eh = expf(ss_at_line_term(a, u, line, 1, i, l) - h.max);
            const float ew = expf(ss_at_line_term(a, u, line, 2, i, l) - w.max);
            const float dh = d * eh * (in ? w.pad : ws) / total;
            const float dw = d * ew * (in ? h.pad : hs) / total;
            if (i < g) {
                *ss_at_dterm(a, u.i, 1, l, t0 + i) += dh;
                *ss_at_dterm(a, u.i, 2, l, t0 + i) += dw;
            } else {
                float *to = a.dline + (((u.i * a.lines + line) * (n - g) + i - g) * n + l) * 2;
                to[0] = dh;
                to[1] = dw;
            }
        }
    }
}

/* Gradients of all terms of one line. */
template <int K> SS_KERNEL(ss_at_line_grads)(ss_at_grads c)
{
    SS_SHARED(ss_quad, stage_, [SS_AT_STAGE / 4]);
    SS_SHARED(ss_quad, p_, [SS_AT_TILE * SS_AT_WIDE / 4]);
    float *stage = (float *)stage_, *p = (float *)p_;
    const ss_cuda_attend &a = c.in.a;
    int64_t line;
    const ss_at_unit u = ss_at_unit_of(a, ss_split(blockIdx.x, a.lines, &line));
    const int64_t first = line * a.grid[2], end = first + a.grid[2];
    for (int64_t t0 = first; t0 < end; t0 += SS_AT_TILE) {
        const int rows = end - t0 < SS_AT_TILE ? (int)(end - t0) : (int)SS_AT_TILE;
        for (int64_t k0 = 0; k0 < a.keys; k0 += SS_AT_TILE) {
            ss_at_square w, ds;
            ss_at_tile_grad(w, ds, c, u, t0, end, k0, stage);
            ss_at_keep(p, ds);
            ss_at_keep_pad(a, u.i, t0, end, k0, ds);
            ss_at_line_columns(a, u.i, line, k0, rows, p);
            ss_at_tile_terms(a, u.i, t0, end, k0, p, 1, true);
        }
    }
    if (a.pad) ss_at_line_padding(a, u, line);
}

/* Gradients of the padding query's terms: what the lines left, by table row. */
template <int K> SS_KERNEL(ss_at_pad_term_grads)(ss_cuda_attend a)
{
    const int64_t g = a.grid[2], n = a.window[2];
    SS_EACH (i, a.heads * a.cols) {
        int64_t r;
        const int64_t h = ss_split(i, a.cols, &r);
        int x = 0;
        while (x < 2 && r >= a.col[x + 1]) x++;
        double s = 0;
        for (int64_t k = 0; x > 0 && k < a.n * a.lines * (n - g); k++) {
            const int64_t pad = k % (n - g), line = k / (n - g) % a.lines;
            const int64_t unit = k / (n - g) / a.lines * a.heads + h;
            const int64_t place = x == 1 ? line % a.grid[1] : g + pad;
            const int64_t l = place + n - 1 - (r - a.col[x]);
            if (l < 0 || l >= n) continue;
            s += (double)a.dline[(((unit * a.lines + line) * (n - g) + pad) * n + l) * 2 + x - 1];
        }
        a.dpad_terms[i] = (float)s;
    }
}
#endif
