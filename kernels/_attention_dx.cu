/* _attention_dx.cu — gradients of attention, with the logits computed again from saved log-sums: a
 * pass over queries for dq and the position terms, one over keys for dk and dv, one for the bias.
 */
#include "cuda/attend_line.h"

/* Block: a tile of queries of a unit. Columns from c0 on; the first of several such launches also
 * makes the textbook form's gradients of terms. */
template <int NC> SS_KERNEL(query_grads)(ss_at_grads c, ss_view dq, int64_t c0)
{
    SS_SHARED(ss_quad, stage_, [SS_AT_STAGE / 4]);
    SS_SHARED(ss_quad, p_, [SS_AT_TILE * SS_AT_WIDE / 4]);
    float *stage = (float *)stage_, *p = (float *)p_;
    const ss_cuda_attend &a = c.in.a;
    const int64_t tiles = (a.tq + SS_AT_TILE - 1) / SS_AT_TILE;
    const ss_at_unit u = ss_at_unit_of(a, blockIdx.x / tiles);
    const int64_t t0 = blockIdx.x % tiles * SS_AT_TILE;
    const bool terms = c0 == 0 && a.rel && a.rel != SS_REL_3D_OFFICIAL;
    float acc[SS_AT_PER][NC];
    ss_at_clear<NC>(acc);
    for (int64_t k0 = 0; k0 < a.keys; k0 += SS_AT_TILE) {
        ss_at_square w, ds;
        ss_at_tile_grad(w, ds, c, u, t0, a.tq, k0, stage);
        ss_at_keep(p, ds);
        if (terms) {
            ss_at_keep_pad(a, u.i, t0, a.tq, k0, ds);
            ss_at_tile_terms(a, u.i, t0, a.tq, k0, p, a.axes, false);
        }
        ss_at_accumulate<NC>(acc, p, ss_at_head(c.in.k, c.in.pad, 1, u.n, u.h, a.scale), k0, c0,
                             a.e, stage);
    }
    for (int r = threadIdx.x; terms && a.pad && r < SS_AT_TILE; r += SS_AT_THREADS)
        if (t0 + r < a.tq) ss_at_pad_grad(a, u.i, t0 + r);
    for (int x = 0; x < a.axes && a.rel; x++)
        for (int64_t r0 = 0; r0 < 2 * a.window[x] - 1; r0 += SS_AT_TILE) {
            __syncthreads();
            ss_at_table_tile_grad(a, u.i, t0, x, r0, p, false);
            ss_at_accumulate<NC>(acc, p, ss_at_matrix(c.in.table[x]), r0, c0, a.e, stage);
        }
    ss_at_write<NC>(acc, dq, (u.n * a.tq * a.heads + u.h) * a.e, a.heads * a.e, t0, a.tq, c0, a.e);
}

/* The last row of a unit's keys stands for the padding tokens: f32, kept apart. */
template <int NC>
SS_DEVICE void write_keys(const float (&acc)[SS_AT_PER][NC], const ss_cuda_attend &a,
                          const ss_at_unit &u, const ss_view &y, int which, int64_t k0, int64_t c0)
{
    ss_at_write<NC>(acc, y, (u.n * a.tk * a.heads + u.h) * a.e, a.heads * a.e, k0, a.tk, c0, a.e);
    SS_UNROLL
    for (int i = 0; i < SS_AT_PER && a.pad; i++) SS_UNROLL
    for (int j = 0; j < NC; j++) {
        const int64_t col = c0 + ss_at_tx() + SS_AT_SIDE * j;
        if (k0 + ss_at_ty() + i == a.tk && col < a.e)
            a.pad_kv[(2 * u.i + which) * a.e + col] = acc[i][j];
    }
}

/* Block: a tile of keys of a unit. */
template <int NC> SS_KERNEL(key_grads)(ss_at_grads c, ss_view dk, ss_view dv, int64_t c0)
{
    SS_SHARED(ss_quad, stage_, [SS_AT_STAGE / 4]);
    SS_SHARED(ss_quad, p_, [SS_AT_TILE * SS_AT_WIDE / 4]);
    float *stage = (float *)stage_, *p = (float *)p_;
    const ss_cuda_attend &a = c.in.a;
    const int64_t tiles = (a.keys + SS_AT_TILE - 1) / SS_AT_TILE;
    const ss_at_unit u = ss_at_unit_of(a, blockIdx.x / tiles);
    const int64_t k0 = blockIdx.x % tiles * SS_AT_TILE;
    const ss_at_rows q = ss_at_head(c.in.q, c.in.pad, -1, u.n, u.h, a.scale);
    const ss_at_rows dy = ss_at_head(c.dy, c.in.pad, -1, u.n, u.h, 1);
    float acc_k[SS_AT_PER][NC], acc_v[SS_AT_PER][NC];
    ss_at_clear<NC>(acc_k);
    ss_at_clear<NC>(acc_v);
    for (int64_t t0 = 0; t0 < a.tq; t0 += SS_AT_TILE) {
        ss_at_square w, ds;
        ss_at_tile_grad(w, ds, c, u, t0, a.tq, k0, stage);
        ss_at_keep_turned(p, w);
        ss_at_accumulate<NC>(acc_v, p, dy, t0, c0, a.e, stage);
        ss_at_keep_turned(p, ds);
        ss_at_accumulate<NC>(acc_k, p, q, t0, c0, a.e, stage);
    }
    write_keys<NC>(acc_k, a, u, dk, 0, k0, c0);
    write_keys<NC>(acc_v, a, u, dv, 1, k0, c0);
}

/* Block: a tile of a slice of the bias, summed over the units that share the slice. */
SS_KERNEL(bias_grads)(ss_at_grads c, float *to)
{
    SS_SHARED(ss_quad, stage_, [SS_AT_STAGE / 4]);
    const ss_cuda_attend &a = c.in.a;
    const ss_view &b = c.in.bias;
    const int64_t down = (a.tq + SS_AT_TILE - 1) / SS_AT_TILE;
    const int64_t right = (a.tk + SS_AT_TILE - 1) / SS_AT_TILE, tile = blockIdx.x % (down * right);
    const int64_t slice = blockIdx.x / (down * right), t0 = tile / right * SS_AT_TILE;
    const int64_t k0 = tile % right * SS_AT_TILE;
    ss_at_square sum = {};
    for (int64_t i = 0; i < a.units; i++) {
        const ss_at_unit u = ss_at_unit_of(a, i);
        const int64_t n = b.shape[0] > 1 ? u.n : 0, h = b.shape[1] > 1 ? u.h : 0;
        ss_at_square w, ds;
        if (n * b.shape[1] + h != slice) continue;
        ss_at_tile_grad(w, ds, c, u, t0, a.tq, k0, (float *)stage_);
        for (int k = 0; k < SS_AT_PER * SS_AT_PER; k++) sum[k / 4][k % 4] += ds[k / 4][k % 4];
    }
    for (int r = 0; r < SS_AT_PER; r++) SS_UNROLL
    for (int j = 0; j < SS_AT_PER; j++) {
        const int64_t t = t0 + ss_at_ty() + r, k = k0 + ss_at_tx() + SS_AT_SIDE * j;
        if (t < a.tq && k < a.tk) to[(slice * a.tq + t) * a.tk + k] = sum[r][j];
    }
}

/* Block: a tile of table rows (y), for one group of query tiles (x): terms' gradients times q. */
template <int NC> SS_KERNEL(table_grads)(ss_at_grads c, int64_t c0)
{
    SS_SHARED(ss_quad, stage_, [SS_AT_STAGE / 4]);
    SS_SHARED(ss_quad, p_, [SS_AT_TILE * SS_AT_WIDE / 4]);
    float *p = (float *)p_;
    const ss_cuda_attend &a = c.in.a;
    const int64_t tiles = (a.tq + SS_AT_TILE - 1) / SS_AT_TILE, all = a.units * tiles;
    int64_t r0;
    const int x = ss_at_table_tile(a, blockIdx.y, &r0);
    float acc[SS_AT_PER][NC];
    ss_at_clear<NC>(acc);
    for (int64_t i = all * blockIdx.x / a.groups; i < all * (blockIdx.x + 1) / a.groups; i++) {
        const ss_at_unit u = ss_at_unit_of(a, i / tiles);
        const int64_t t0 = i % tiles * SS_AT_TILE;
        ss_at_table_tile_grad(a, u.i, t0, x, r0, p, true);
        ss_at_accumulate<NC>(acc, p, ss_at_head(c.in.q, c.in.pad, -1, u.n, u.h, 1), t0, c0, a.e,
                             (float *)stage_);
    }
    SS_UNROLL
    for (int i = 0; i < SS_AT_PER; i++) SS_UNROLL
    for (int j = 0; j < NC; j++) {
        const int64_t r = r0 + ss_at_ty() + i, col = c0 + ss_at_tx() + SS_AT_SIDE * j;
        if (r < 2 * a.window[x] - 1 && col < a.e)
            a.tables[(blockIdx.x * a.cols + a.col[x] + r) * a.e + col] = acc[i][j];
    }
}

/* Groups joined in order, and the padding query's part: the gradient of axis x's table. */
SS_KERNEL(table_join)(ss_at_args c, int x, float *to)
{
    const ss_cuda_attend &a = c.a;
    SS_EACH (i, (2 * a.window[x] - 1) * a.e) {
        const int64_t r = i / a.e + a.col[x], j = i % a.e;
        double s = 0;
        for (int64_t k = 0; k < a.groups; k++) s += (double)a.tables[(k * a.cols + r) * a.e + j];
        for (int64_t h = 0; a.pad && a.rel == SS_REL_3D_OFFICIAL && h < a.heads; h++)
            s += (double)(a.dpad_terms[h * a.cols + r] *
                          ss_load(c.pad.data, c.pad.dtype,
                                  h * c.pad.stride[1] + j * c.pad.stride[2]));
        to[i] = (float)s;
    }
}

/* The gradient of pad [3, heads, e]. */
SS_KERNEL(pad_join)(ss_at_args c, float *to)
{
    const ss_cuda_attend &a = c.a;
    SS_EACH (i, 3 * a.heads * a.e) {
        const int64_t which = i / (a.heads * a.e), h = i / a.e % a.heads, j = i % a.e;
        double s = 0;
        for (int64_t n = 0; which > 0 && n < a.n; n++)
            s += (double)a.pad_kv[(2 * (n * a.heads + h) + which - 1) * a.e + j];
        for (int x = 0; which == 0 && a.rel == SS_REL_3D_OFFICIAL && x < 3; x++) {
            const ss_view &t = c.table[x];
            for (int64_t r = 0; r < 2 * a.window[x] - 1; r++)
                s += (double)(a.dpad_terms[h * a.cols + a.col[x] + r] *
                              ss_load(t.data, t.dtype, r * t.stride[0] + j * t.stride[1]));
        }
        to[i] = (float)s;
    }
}

/* ---- launches -------------------------------------------------------------------------------- */

template <int NC> static void run_queries(ss_call *c, ss_gpu *g, const ss_at_grads &in)
{
    const unsigned blocks = (unsigned)(in.in.a.units * ss_at_query_tiles(in.in.a));
    for (int64_t c0 = 0; c0 < in.in.a.e; c0 += SS_AT_SIDE * NC)
        SS_LAUNCH(g, query_grads<NC>, blocks, SS_AT_THREADS, 0, in, c->out[SS_AT_Q], c0);
}
template <int NC> static void run_keys(ss_call *c, ss_gpu *g, const ss_at_grads &in)
{
    const ss_cuda_attend &a = in.in.a;
    const unsigned blocks = (unsigned)(a.units * ((a.keys + SS_AT_TILE - 1) / SS_AT_TILE));
    for (int64_t c0 = 0; c0 < a.e; c0 += SS_AT_SIDE * NC)
        SS_LAUNCH(g, key_grads<NC>, blocks, SS_AT_THREADS, 0, in, c->out[SS_AT_K], c->out[SS_AT_V],
                  c0);
}
template <int NC> static void run_tables(ss_gpu *g, const ss_at_grads &in)
{
    const dim3 grid((unsigned)in.in.a.groups, (unsigned)ss_at_table_tiles(in.in.a));
    for (int64_t c0 = 0; c0 < in.in.a.e; c0 += SS_AT_SIDE * NC)
        SS_LAUNCH(g, table_grads<NC>, grid, SS_AT_THREADS, 0, in, c0);
}

/* The last output: gradients of bias, tables and pad, those that are wanted, one after another. */
static void run_rest(ss_call *c, ss_gpu *g, const ss_at_grads &in)
{
    const ss_cuda_attend &a = in.in.a;
    float *to = ss_out_ptr<float>(c, 3);
    for (int i = SS_AT_BIAS; i <= SS_AT_PAD; i++) {
        const ss_view *v = &c->in[i];
        if (!(c->attr[SS_AT_WANTED].v[0] >> i & 1) || !v->present) continue;
        const int64_t tiles = ss_at_query_tiles(a) * ((a.tk + SS_AT_TILE - 1) / SS_AT_TILE);
        /* rel_h and rel_w are axes 1 and 2 of a volume, behind rel_d */
        const int x = i == SS_AT_REL_D ? 0 : i - SS_AT_REL_H + (a.axes == 3);
        if (v->count == 0) continue;
        if (i == SS_AT_BIAS)
            SS_LAUNCH(g, bias_grads, (unsigned)(v->shape[0] * v->shape[1] * tiles), SS_AT_THREADS,
                      0, in, to);
        else if (i == SS_AT_PAD)
            SS_LAUNCH(g, pad_join, ss_grid(g, v->count), SS_BLOCK, 0, in.in, to);
        else
            SS_LAUNCH(g, table_join, ss_grid(g, v->count), SS_BLOCK, 0, in.in, x, to);
        to += v->count;
    }
}

SS_TWIN(_attention_dx)
{
    const ss_at_grads in = {ss_at_args_of(c, true), c->in[SS_AT_OUT], c->in[SS_AT_LSE],
                            c->in[SS_AT_DY]};
    const ss_cuda_attend &a = in.in.a;
    if (c->in[SS_AT_Q].count == 0 || a.keys == 0) {
        for (int i = 0; i < 4; i++) {
            const ss_view *v = &c->out[i];
            if (v->count)
                cudaMemsetAsync(v->data, 0, (size_t)v->count * ss_dtype_bytes(v->dtype), g->stream);
        }
        return ss_launched(c, g);
    }
    ss_at_prepare(g, in.in, false);
    SS_LAUNCH(g, ss_at_deltas<0>, ss_grid(g, a.units * a.tq * SS_WARP), SS_BLOCK, 0, in);
    if (a.rel) cudaMemsetAsync(a.dterms, 0, (size_t)(a.units * a.wide * a.tq) * 4, g->stream);
    if (a.rel == SS_REL_3D_OFFICIAL)
        SS_LAUNCH(g, ss_at_line_grads<0>, (unsigned)(a.units * a.lines), SS_AT_THREADS, 0, in);
    if (a.rel == SS_REL_3D_OFFICIAL && a.pad)
        SS_LAUNCH(g, ss_at_pad_term_grads<0>, ss_grid(g, a.heads * a.cols), SS_BLOCK, 0, a);
    SS_AT_WIDTHS(a.e, 16, NC, run_queries<NC>(c, g, in);)
    SS_AT_WIDTHS(a.e, 8, NC, run_keys<NC>(c, g, in);)
    if (a.rel) {
        SS_AT_WIDTHS(a.e, 8, NC, run_tables<NC>(g, in);)
    }
    run_rest(c, g, in);
    return ss_launched(c, g);
}
