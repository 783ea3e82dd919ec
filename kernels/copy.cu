/* copy.cu — a packed copy, whatever the strides of x. */
#include "cuda/copy.h"
#include "cuda/elementwise.h"
#include "cuda/fill.h"
#include "half.h"
#include "support/nearest.h"

SS_EW1(keep_f32, float, float, a)
SS_EW1(keep_i64, int64_t, int64_t, a)

/* ---- copies whose source runs along another axis than their result ---------------- */

enum { TILE = 32, LEAST = 16 }; /* LEAST: shorter axes gain nothing from tiles */

/* The result is packed along `cols`, the source densest along `rows`; e holds all axes but these
 * two. Strides in elements. */
struct turn_call {
    ss_ew_call<1> e;
    int64_t rows, cols, row_tiles, col_tiles;
    int64_t to_row, from_row, from_col;
};

template <class S> SS_KERNEL(turn)(turn_call c)
{
    SS_SHARED(S, tile, [TILE][TILE + 1]);
    const int x = (int)threadIdx.x % TILE, y = (int)threadIdx.x / TILE, step = SS_BLOCK / TILE;
    for (int64_t b = blockIdx.x; b < c.e.count * c.row_tiles * c.col_tiles; b += gridDim.x) {
        const int64_t c0 = b % c.col_tiles * TILE, r0 = b / c.col_tiles % c.row_tiles * TILE;
        int64_t at[2];
        ss_ew_place(c.e, b / c.col_tiles / c.row_tiles, at);
        const S *from = (const S *)c.e.op[1].data + at[1];
        S *to = (S *)c.e.op[0].data + at[0];
        for (int k = y; k < TILE; k += step)
            if (r0 + x < c.rows && c0 + k < c.cols)
                tile[k][x] = from[(r0 + x) * c.from_row + (c0 + k) * c.from_col];
        __syncthreads();
        for (int k = y; k < TILE; k += step)
            if (r0 + k < c.rows && c0 + x < c.cols) to[(r0 + k) * c.to_row + c0 + x] = tile[x][k];
        __syncthreads(); /* the tile is written anew */
    }
}

static int64_t distance(int64_t stride)
{
    return stride < 0 ? -stride : stride;
}

/* Takes the two axes out of the plan in c->e; false when tiles are no help. */
static bool plan_turn(turn_call *c)
{
    ss_ew_call<1> *e = &c->e;
    const int in = e->nd - 1;
    int best = -1;
    for (int a = 0; a < in; a++) {
        const int64_t s = distance(e->op[1].stride[a]);
        if (s && (best < 0 || s < distance(e->op[1].stride[best]))) best = a;
    }
    if (best < 0 || e->op[0].stride[in] != 1 || e->shape[in] < LEAST || e->shape[best] < LEAST ||
        distance(e->op[1].stride[in]) <= distance(e->op[1].stride[best]))
        return false;
    c->rows = e->shape[best], c->cols = e->shape[in];
    c->row_tiles = (c->rows + TILE - 1) / TILE, c->col_tiles = (c->cols + TILE - 1) / TILE;
    c->to_row = e->op[0].stride[best];
    c->from_row = e->op[1].stride[best], c->from_col = e->op[1].stride[in];
    e->count /= c->rows * c->cols;
    e->nd = 0;
    for (int a = 0; a < in; a++) {
        if (a == best) continue;
        e->shape[e->nd] = e->shape[a];
        for (int k = 0; k < 2; k++) e->op[k].stride[e->nd] = e->op[k].stride[a];
        e->nd++;
    }
    if (e->nd == 0) { /* a single tile row after the other */
        e->shape[e->nd++] = 1;
        e->op[0].stride[0] = e->op[1].stride[0] = 0;
    }
    return true;
}

/* dst := src of one type; false when nothing better than element by element is known. */
static bool copy_bytes(ss_gpu *g, const ss_view *dst, const ss_view *src)
{
    turn_call c = {};
    const ss_view *v[] = {dst, src};
    const size_t size = ss_dtype_bytes(dst->dtype);
    c.e.count = dst->count;
    ss_ew_plan(2, v, c.e.op, c.e.shape, &c.e.nd);
    if (c.e.nd == 1 && c.e.op[0].stride[0] == 1 && c.e.op[1].stride[0] == 1) {
        cudaMemcpyAsync(dst->data, src->data, (size_t)dst->count * size, cudaMemcpyDeviceToDevice,
                        g->stream);
        return true;
    }
    if (!plan_turn(&c)) return false;
    const unsigned grid = ss_grid(g, c.e.count * c.row_tiles * c.col_tiles, 1);
    switch (size) {
    case 1:
        SS_LAUNCH(g, (turn<uint8_t>), grid, SS_BLOCK, 0, c);
        break;
    case 2:
        SS_LAUNCH(g, (turn<uint16_t>), grid, SS_BLOCK, 0, c);
        break;
    case 4:
        SS_LAUNCH(g, (turn<uint32_t>), grid, SS_BLOCK, 0, c);
        break;
    default:
        SS_LAUNCH(g, (turn<uint64_t>), grid, SS_BLOCK, 0, c);
        break;
    }
    return true;
}

ss_status ss_copy_view(ss_call *c, ss_gpu *g, const ss_view *dst, const ss_view *src)
{
    if (dst->count == 0) return SS_OK;
    if (dst->dtype == src->dtype && copy_bytes(g, dst, src)) return ss_launched(c, g);
    return ss_is_float(src->dtype) ? ss_ew_run<keep_f32, 1>(c, g, dst, src, (const float *)nullptr)
                                   : ss_ew_run<keep_i64, 1>(c, g, dst, src, (const float *)nullptr);
}

/* ---- one value everywhere ---------------------------------------------------------- */

/* `bits` is the element as it lies in memory. */
template <class S> SS_KERNEL(fill)(ss_ew_call<0> e, S bits)
{
    SS_EACH (j, e.runs) {
        int64_t at;
        ss_packed<S> s;
        ss_ew_place(e, j * SS_RUN, &at);
        SS_UNROLL
        for (int r = 0; r < SS_RUN; r++) s.v[r] = bits;
        *(ss_packed<S> *)((S *)e.op[0].data + at) = s;
    }
    const int64_t done = e.runs * SS_RUN;
    SS_EACH (j, e.count - done) {
        int64_t at;
        ss_ew_place(e, done + j, &at);
        ((S *)e.op[0].data)[at] = bits;
    }
}

template <class S> static void fill_with(ss_gpu *g, const ss_view *v, S bits)
{
    ss_ew_call<0> e = {};
    e.count = v->count;
    ss_ew_plan(1, &v, e.op, e.shape, &e.nd);
    if ((e.nd == 1 || e.shape[e.nd - 1] % SS_RUN == 0) && ss_ew_runs(&e.op[0], e.nd, true))
        e.runs = e.count / SS_RUN;
    SS_LAUNCH(g, (fill<S>), ss_grid(g, e.runs > SS_RUN ? e.runs : e.count), SS_BLOCK, 0, e, bits);
}

ss_status ss_fill_view(ss_call *c, ss_gpu *g, const ss_view *v, double value)
{
    const float f = (float)value;
    const int64_t i = ss_nearest_i64(value);
    uint32_t word;
    memcpy(&word, &f, sizeof word);
    if (v->count == 0) return SS_OK;
    switch (v->dtype) {
    case SS_BOOL:
        fill_with(g, v, (uint8_t)(value != 0));
        break;
    case SS_U8:
        fill_with(g, v, (uint8_t)(i < 0 ? 0 : i > 255 ? 255 : i));
        break;
    case SS_I32:
        fill_with(g, v, (uint32_t)(i < INT32_MIN ? INT32_MIN : i > INT32_MAX ? INT32_MAX : i));
        break;
    case SS_I64:
        fill_with(g, v, (uint64_t)i);
        break;
    case SS_F16:
        fill_with(g, v, ss_f32_to_f16(f));
        break;
    case SS_BF16:
        fill_with(g, v, ss_f32_to_bf16(f));
        break;
    default:
        fill_with(g, v, word);
        break;
    }
    return ss_launched(c, g);
}

SS_TWIN(copy)
{
    return ss_copy_view(c, g, &c->out[0], &c->in[0]);
}
