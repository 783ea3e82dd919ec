/* gemm_kernels.cu — what surrounds the library's matrix products, and a product of our own. */
#include "gemm.h"
#include "run.h"

enum { TILE = 64, DEPTH = 16, SIDE = 16, EACH = TILE / SIDE };

/* Element (i, k) of an operand lies at i * major + k * minor. */
struct gemm_operand {
    const void *data;
    int64_t major, minor, step;
};

/* A tile of TILE rows and DEPTH columns, zero outside [rows, depth]; neighbouring threads read
 * neighbouring elements. */
SS_DEVICE void load_tile(float (*tile)[TILE + 1], const gemm_operand &o, ss_dtype t, int64_t base,
                         int64_t row0, int64_t rows, int64_t k0, int64_t depth)
{
    for (int e = (int)threadIdx.x; e < TILE * DEPTH; e += SIDE * SIDE) {
        const int k = o.minor == 1 ? e % DEPTH : e / TILE;
        const int i = o.minor == 1 ? e / DEPTH : e % TILE;
        const bool in = row0 + i < rows && k0 + k < depth;
        tile[k][i] = in ? ss_load(o.data, t, base + (row0 + i) * o.major + (k0 + k) * o.minor) : 0;
    }
}

/* A block makes TILE x TILE of y, a thread EACH x EACH of them, SIDE apart. */
SS_KERNEL(gemm_tile)
(gemm_operand x, gemm_operand w, void *y, ss_gemm q)
{
    SS_SHARED(float, xs, [DEPTH][TILE + 1]);
    SS_SHARED(float, ws, [DEPTH][TILE + 1]);
    const int64_t across = (q.n + TILE - 1) / TILE;
    const int64_t i0 = blockIdx.x / across * TILE, j0 = blockIdx.x % across * TILE;
    const int ti = (int)threadIdx.x / SIDE, tj = (int)threadIdx.x % SIDE;
    for (int64_t b = blockIdx.y; b < q.batch; b += gridDim.y) {
        float sum[EACH][EACH] = {};
        for (int64_t k0 = 0; k0 < q.k; k0 += DEPTH) {
            load_tile(xs, x, q.type, b * x.step, i0, q.m, k0, q.k);
            load_tile(ws, w, q.type, b * w.step, j0, q.n, k0, q.k);
            __syncthreads();
            for (int k = 0; k < DEPTH; k++)
                SS_UNROLL for (int i = 0; i < EACH; i++) SS_UNROLL for (int j = 0; j < EACH; j++)
                    sum[i][j] = fmaf(xs[k][ti + i * SIDE], ws[k][tj + j * SIDE], sum[i][j]);
            __syncthreads();
        }
        SS_UNROLL for (int i = 0; i < EACH; i++) SS_UNROLL for (int j = 0; j < EACH; j++)
        {
            const int64_t row = i0 + ti + i * SIDE, col = j0 + tj + j * SIDE;
            if (row >= q.m || col >= q.n) continue;
            const int64_t at = (b * q.m + row) * q.n + col;
            ss_store(y, q.y_type, at,
                     q.accumulate ? ss_load(y, q.y_type, at) + sum[i][j] : sum[i][j]);
        }
    }
}

/* i modulo n, both below `most`. */
SS_DEVICE int64_t column(int64_t i, int64_t n, int64_t most)
{
    if (most <= UINT32_MAX) return (uint32_t)i % (uint32_t)n; /* several times faster */
    return i % n;
}

/* Whole runs first, then what is left of `count` element by element. Runs lie within a row. */
SS_KERNEL(finish_rows)
(ss_gemm q, const void *b, const void *r, void *y, int64_t runs, int64_t count)
{
    SS_EACH (j, runs) {
        float z[SS_RUN], more[SS_RUN];
        ss_read_run(z, y, q.y_type, j * SS_RUN);
        if (b) {
            ss_read_run(more, b, q.b_type, column(j * SS_RUN, q.n, count));
            SS_UNROLL for (int k = 0; k < SS_RUN; k++) z[k] += more[k];
        }
        SS_UNROLL for (int k = 0; k < SS_RUN; k++) z[k] = ss_act_value(q.act, z[k]);
        if (r) {
            ss_read_run(more, r, q.y_type, j * SS_RUN);
            SS_UNROLL for (int k = 0; k < SS_RUN; k++) z[k] += more[k];
        }
        ss_write_run(y, q.y_type, j * SS_RUN, z);
    }
    const int64_t done = runs * SS_RUN;
    SS_EACH (j, count - done) {
        const int64_t i = done + j;
        float z = ss_load(y, q.y_type, i);
        if (b) z += ss_load(b, q.b_type, column(i, q.n, count));
        z = ss_act_value(q.act, z);
        ss_store(y, q.y_type, i, r ? z + ss_load(r, q.y_type, i) : z);
    }
}

SS_KERNEL(convert_each)
(void *to, ss_dtype to_type, const void *from, ss_dtype type, int64_t runs, int64_t n)
{
    SS_EACH (j, runs) {
        float z[SS_RUN];
        ss_read_run(z, from, type, j * SS_RUN);
        ss_write_run(to, to_type, j * SS_RUN, z);
    }
    const int64_t done = runs * SS_RUN;
    SS_EACH (j, n - done) ss_store(to, to_type, done + j, ss_load(from, type, done + j));
}

extern "C" void ss_gemm_plain(ss_gpu *g, const ss_gemm *q, const void *x, const void *w, void *y)
{
    const int64_t most = 65535; /* blocks along y */
    const gemm_operand xo = {x, q->x_transposed ? 1 : q->k, q->x_transposed ? q->m : 1, q->x_step};
    const gemm_operand wo = {w, q->w_transposed ? q->k : 1, q->w_transposed ? 1 : q->n, q->w_step};
    const int64_t tiles = (q->m + TILE - 1) / TILE * ((q->n + TILE - 1) / TILE);
    const dim3 grid((unsigned)tiles, (unsigned)(q->batch < most ? q->batch : most));
    SS_LAUNCH(g, gemm_tile, grid, SIDE * SIDE, 0, xo, wo, y, *q);
}

extern "C" void ss_gemm_finish(ss_gpu *g, const ss_gemm *q, const void *b, const void *r, void *y)
{
    const int64_t n = q->batch * q->m * q->n;
    const bool fits = q->n % SS_RUN == 0 && ss_run_fits(y, q->y_type, SS_RUN) &&
                      (!b || ss_run_fits(b, q->b_type, SS_RUN)) &&
                      (!r || ss_run_fits(r, q->y_type, SS_RUN));
    const int64_t runs = fits ? n / SS_RUN : 0;
    SS_LAUNCH(g, finish_rows, ss_grid(g, fits ? runs : n), SS_BLOCK, 0, *q, b, r, y, runs, n);
}

extern "C" void ss_convert(ss_gpu *g, void *to, ss_dtype to_type, const void *from, ss_dtype type,
                           int64_t n)
{
    const bool fits = ss_run_fits(to, to_type, SS_RUN) && ss_run_fits(from, type, SS_RUN);
    const int64_t runs = fits ? n / SS_RUN : 0;
    if (n)
        SS_LAUNCH(g, convert_each, ss_grid(g, runs ? runs : n), SS_BLOCK, 0, to, to_type, from,
                  type, runs, n);
}
