/* attend_grad.h — passes of attention's gradient: dS of a tile, and the position terms backwards.
 *
 * With P = exp(S - lse), D = sum(dy y) per query and dS = P (dy v^T - D): dv = P^T dy, dq = dS k,
 * dk = dS^T q. A block owns what it adds to, so nothing is added by two of them; gradients of terms
 * are kept by query last ([wide, tq]), as a block's threads write them. */
#ifndef SEMISAM_CUDA_ATTEND_GRAD_H
#define SEMISAM_CUDA_ATTEND_GRAD_H
#include "attend_rel.h"

struct ss_at_grads {
    ss_at_args in;
    ss_view out, lse, dy;
};

SS_DEVICE float *ss_at_dterm(const ss_cuda_attend &a, int64_t unit, int x, int64_t k, int64_t t)
{
    return a.dterms + (unit * a.wide + a.off[x] + k) * a.tq + t;
}

/* D: a warp per query. */
template <int K> SS_KERNEL(ss_at_deltas)(ss_at_grads c)
{
    const ss_cuda_attend &a = c.in.a;
    const int64_t warps = (int64_t)gridDim.x * blockDim.x / SS_WARP;
    const int lane = threadIdx.x % SS_WARP;
    for (int64_t i = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / SS_WARP; i < a.units * a.tq;
         i += warps) {
        int64_t t;
        const ss_at_unit u = ss_at_unit_of(a, ss_split(i, a.tq, &t));
        const ss_view &y = c.out, &dy = c.dy;
        const int64_t at = u.n * y.stride[0] + t * y.stride[1] + u.h * y.stride[2];
        const int64_t from = u.n * dy.stride[0] + t * dy.stride[1] + u.h * dy.stride[2];
        float s = 0;
        for (int64_t j = lane; j < a.e; j += SS_WARP)
            s += ss_load(y.data, y.dtype, at + j * y.stride[3]) *
                 ss_load(dy.data, dy.dtype, from + j * dy.stride[3]);
        s = ss_warp_sum(s);
        if (lane == 0) a.delta[i] = s;
    }
}

/* P and dS of the tile at (t0, k0); both 0 for queries from `end` on and beyond the last key. */
SS_DEVICE void ss_at_tile_grad(ss_at_square p, ss_at_square ds, const ss_at_grads &c,
                               const ss_at_unit &u, int64_t t0, int64_t end, int64_t k0,
                               float *stage)
{
    const ss_cuda_attend &a = c.in.a;
    const ss_view &l = c.lse;
    ss_at_logits(p, c.in, u, t0, end, k0, stage);
    ss_at_product(ds, ss_at_head(c.dy, c.in.pad, -1, u.n, u.h, 1), t0,
                  ss_at_head(c.in.v, c.in.pad, 2, u.n, u.h, 1), k0, a.e, stage);
    SS_UNROLL
    for (int i = 0; i < SS_AT_PER; i++) {
        const int64_t t = t0 + ss_at_ty() + i;
        const bool real = t < end;
        const int64_t at = u.n * l.stride[0] + u.h * l.stride[1] + t * l.stride[2];
        const float lse = real ? ((const float *)l.data)[at] : 0;
        const float delta = real ? a.delta[u.i * a.tq + t] : 0;
        SS_UNROLL
        for (int j = 0; j < SS_AT_PER; j++) {
            p[i][j] = real ? expf(p[i][j] - lse) : 0;
            ds[i][j] = real ? p[i][j] * (ds[i][j] - delta) : 0;
        }
    }
}
/* The thread's part of a tile into shared memory, by rows or by columns. */
SS_DEVICE void ss_at_keep(float *to, const ss_at_square s)
{
    SS_UNROLL
    for (int i = 0; i < SS_AT_PER; i++) SS_UNROLL
    for (int j = 0; j < SS_AT_PER; j++)
        to[(ss_at_ty() + i) * SS_AT_WIDE + ss_at_tx() + SS_AT_SIDE * j] = s[i][j];
}
SS_DEVICE void ss_at_keep_turned(float *to, const ss_at_square s)
{
    SS_UNROLL
    for (int j = 0; j < SS_AT_PER; j++) {
        const ss_quad q = {s[0][j], s[1][j], s[2][j], s[3][j]};
        *(ss_quad *)(to + (ss_at_tx() + SS_AT_SIDE * j) * SS_AT_WIDE + ss_at_ty()) = q;
    }
}
/* Gradient of the padding tokens' logit, where the tile has that key. */
SS_DEVICE void ss_at_keep_pad(const ss_cuda_attend &a, int64_t unit, int64_t t0, int64_t end,
                              int64_t k0, const ss_at_square ds)
{
    if (!a.pad) return;
    SS_UNROLL
    for (int j = 0; j < SS_AT_PER; j++) SS_UNROLL
    for (int i = 0; i < SS_AT_PER; i++) {
        const int64_t t = t0 + ss_at_ty() + i;
        if (k0 + ss_at_tx() + SS_AT_SIDE * j == a.tk && t < end)
            a.pad_ds[unit * a.tq + t] = ds[i][j];
    }
}

/* ---- terms ------------------------------------------------------------------------------- */

/* Keys of a tile that share a group, as chains: first[k] says whether k begins one, next[k] is the
 * one after it or -1. group[k] < 0: no key of the grid. */
struct ss_at_chains {
    int32_t group[SS_AT_TILE];
    int8_t next[SS_AT_TILE], first[SS_AT_TILE];
};
/* Links the chains of `count` kinds; between barriers. */
SS_DEVICE void ss_at_link(ss_at_chains *c, int count)
{
    for (int i = threadIdx.x; i < count * SS_AT_TILE; i += SS_AT_THREADS) {
        ss_at_chains *x = &c[i / SS_AT_TILE];
        const int k = i % SS_AT_TILE, group = x->group[k];
        int first = group >= 0, next = -1;
        for (int o = 0; o < k; o++) first &= x->group[o] != group;
        for (int o = SS_AT_TILE - 1; o > k; o--)
            if (x->group[o] == group) next = o;
        x->first[k] = (int8_t)first;
        x->next[k] = (int8_t)next;
    }
}

/* Adds dS, p by rows, of the tile at (t0, k0) to the terms of its queries; axes: how many of them
 * (the official form's first term is by the last index: `last`). Begins and ends with a barrier. */
SS_DEVICE void ss_at_tile_terms(const ss_cuda_attend &a, int64_t unit, int64_t t0, int64_t end,
                                int64_t k0, const float *p, int axes, bool last)
{
    SS_SHARED(ss_at_chains, chains, [3]);
    for (int k = threadIdx.x; k < SS_AT_TILE; k += SS_AT_THREADS) {
        int64_t spot[3];
        ss_at_spot(a, k0 + k, spot);
        for (int x = 0; x < axes; x++)
            chains[x].group[k] = k0 + k < a.tk ? (int32_t)spot[last ? 2 : x] : -1;
    }
    __syncthreads();
    ss_at_link(chains, axes);
    __syncthreads();
    for (int i = threadIdx.x; i < axes * SS_AT_TILE * SS_AT_TILE; i += SS_AT_THREADS) {
        const int row = i % SS_AT_TILE, first = i / SS_AT_TILE % SS_AT_TILE;
        const int x = i / (SS_AT_TILE * SS_AT_TILE);
        float s = 0;
        if (t0 + row >= end || !chains[x].first[first]) continue;
        for (int k = first; k >= 0; k = chains[x].next[k]) s += p[row * SS_AT_WIDE + k];
        *ss_at_dterm(a, unit, x, chains[x].group[first], t0 + row) += s;
    }
    __syncthreads();
}

/* Textbook form: the gradient of the padding tokens' log sum, passed on to the terms of one query.
 */
SS_DEVICE void ss_at_pad_grad(const ss_cuda_attend &a, int64_t unit, int64_t t)
{
    const float *terms = a.terms + (unit * a.tq + t) * a.wide, d = a.pad_ds[unit * a.tq + t];
    ss_at_axis s[3];
    for (int x = 0; x < a.axes; x++)
        s[x] = ss_at_axis_sum(terms + a.off[x], a.grid[x], a.window[x]);
    const float total = ss_at_padding_sum(s, a.axes);
    for (int x = 0; x < a.axes; x++) {
        float all = 1, pad = 0, real = 1; /* over the other axes: everything, some padding */
        for (int y = 0; y < a.axes; y++) {
            if (y == x) continue;
            pad = pad * (s[y].real + s[y].pad) + real * s[y].pad;
            all *= s[y].real + s[y].pad;
            real *= s[y].real;
        }
        for (int64_t i = 0; i < a.window[x]; i++) {
            const float e = expf(terms[a.off[x] + i] - s[x].max);
            *ss_at_dterm(a, unit, x, i, t) += d * e * (i < a.grid[x] ? pad : all) / total;
        }
    }
}

/* p = gradients of the terms of queries t0.. with rows r0.. of axis x's table: [query][row], or
 * turned. */
SS_DEVICE void ss_at_table_tile_grad(const ss_cuda_attend &a, int64_t unit, int64_t t0, int x,
                                     int64_t r0, float *p, bool turned)
{
    for (int i = threadIdx.x; i < SS_AT_TILE * SS_AT_TILE; i += SS_AT_THREADS) {
        const int q = i % SS_AT_TILE, r = i / SS_AT_TILE;
        const int64_t t = t0 + q, k = t < a.tq ? ss_at_term_of(a, x, t, r0 + r) : -1;
        p[turned ? r * SS_AT_WIDE + q : q * SS_AT_WIDE + r] =
            k < 0 ? 0 : *ss_at_dterm(a, unit, x, k, t);
    }
}
#endif
