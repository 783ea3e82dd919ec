/* mm.c — matrix products for linear, matmul and 1x1 convolutions. */
#include "mm.h"
#include "../cpu.h"
#include "mm_tiles.h"

enum {
    REPACK_ROWS = 256,      /* below it, rearranging w costs more than it saves */
    REPACK_ROWS_F32 = 1024, /* the same for f32, whose products take w as it is nearly as well */
    ROWS = 4,               /* rows of y one iteration of the plain loop makes */
    ALIGN = 64
};

static void matrix(ss_dnn_desc *d, ss_dnn_slot s, ss_dtype t, int64_t batch, bool shared,
                   int64_t rows, int64_t cols, bool transposed)
{
    const int64_t size[3] = {shared ? 1 : batch, rows, cols};
    const int lead = batch == 1; /* plain two axes without a batch */
    ss_dnn_memory(d, s, t, 3 - lead, size + lead);
    if (!transposed) return;
    d->stride[s][1 - lead] = 1;
    d->stride[s][2 - lead] = rows;
}

/* Whether rows of w are whole pages apart in a product where oneDNN 2.6 minds: with 3072 and 5120
 * columns it takes twice as long in f32, with 1024, 2048 and 4096 or few rows it does not. */
static bool aliased(const ss_mm *q)
{
    return q->compute == SS_F32 && !q->w_transposed && q->n % 1024 == 0 && q->n > 2048 &&
           q->m >= 128 && q->k >= 256;
}

/* Whether oneDNN should first bring w into a layout of its own. */
static bool repacks(const ss_call *c, const ss_mm *q)
{
    const bool kept = q->w && q->w->constant && c->env && c->env->pack, f32 = q->compute == SS_F32;
    if (q->batch != 1) return false;
    if (aliased(q)) return true;
    return q->w_parameter && (kept || q->m >= (f32 ? REPACK_ROWS_F32 : REPACK_ROWS));
}

/* *p is NULL where the plain loops have to do it. */
static ss_status prepare(ss_call *c, const ss_mm *q, ss_dnn **p)
{
    ss_dnn_desc d;
    *p = NULL;
    if (q->batch == 0 || q->m == 0 || q->k == 0 || q->n == 0) return SS_OK;
    memset(&d, 0, sizeof d);
    d.kind = SS_DNN_MATMUL;
    d.compute = (int32_t)q->compute;
    d.act = (int32_t)q->act;
    d.repack = repacks(c, q);
    matrix(&d, SS_DNN_X, q->x_type, q->batch, q->x_shared, q->m, q->k, q->x_transposed);
    matrix(&d, SS_DNN_W, q->w_type, q->batch, q->w_shared, q->k, q->n, q->w_transposed);
    if (q->bias) matrix(&d, SS_DNN_B, q->b_type, q->batch, true, 1, q->n, false);
    matrix(&d, SS_DNN_Y, q->y_type, q->batch, false, q->m, q->n, false);
    if (q->residual) matrix(&d, SS_DNN_R, q->y_type, q->batch, false, q->m, q->n, false);
    return ss_dnn_get(c, &d, p);
}

static size_t f32_bytes(ss_dtype t, int64_t count)
{
    return t == SS_F32 ? 0 : ((size_t)count * 4 + ALIGN - 1) / ALIGN * ALIGN;
}

static int64_t count_x(const ss_mm *q)
{
    return (q->x_shared ? 1 : q->batch) * q->m * q->k;
}

static int64_t count_w(const ss_mm *q)
{
    return (q->w_shared ? 1 : q->batch) * q->k * q->n;
}

ss_status ss_mm_plan(ss_call *c, const ss_mm *q, size_t *bytes)
{
    ss_dnn *p;
    if (ss_mm_tiles(c, q)) {
        *bytes = ss_mm_tiles_bytes(c, q);
        return SS_OK;
    }
    ss_status st = prepare(c, q, &p);
    if (st) return st;
    *bytes = p ? ss_dnn_scratch(c, p, q->w)
               : f32_bytes(q->x_type, count_x(q)) + f32_bytes(q->w_type, count_w(q)) +
                     f32_bytes(q->b_type, q->bias ? q->n : 0) +
                     f32_bytes(q->y_type, q->batch * q->m * q->n) * (q->residual ? 2 : 1);
    ss_dnn_put(p);
    return SS_OK;
}

/* The operand as f32: itself, or a copy taken from scratch. */
static const float *as_f32(const void *data, ss_dtype t, int64_t count, char **scratch)
{
    if (t == SS_F32 || !data) return data;
    float *copy = (float *)*scratch;
    *scratch += f32_bytes(t, count);
    ss_load_f32(copy, data, t, count);
    return copy;
}

static void plain(const ss_mm *q, const float *x, const float *w, const float *b, const float *r,
                  float *y)
{
    const int64_t xi = q->x_transposed ? 1 : q->k, xk = q->x_transposed ? q->m : 1;
    const int64_t wk = q->w_transposed ? 1 : q->n, wj = q->w_transposed ? q->k : 1;
    const int64_t blocks = ss_ceil_div(q->m, ROWS);
    SS_PARALLEL_FOR (t, q->batch * blocks, ROWS * q->n * q->k) {
        const int64_t at = t / blocks, i0 = t % blocks * ROWS;
        const float *xb = x + (q->x_shared ? 0 : at * q->m * q->k);
        const float *wb = w + (q->w_shared ? 0 : at * q->k * q->n);
        float *yb = y + at * q->m * q->n;
        for (int64_t i = i0; i < ss_min64(i0 + ROWS, q->m); i++) {
            for (int64_t j = 0; j < q->n; j++) {
                double sum = b ? (double)b[j] : 0.0;
                for (int64_t k = 0; k < q->k; k++)
                    sum += (double)xb[i * xi + k * xk] * (double)wb[k * wk + j * wj];
                const float z = ss_act_value(q->act, (float)sum);
                yb[i * q->n + j] = r ? z + r[(at * q->m + i) * q->n + j] : z;
            }
        }
    }
}

ss_status ss_mm_run(ss_call *c, const ss_mm *q, const void *x, const void *w, const void *b,
                    const void *r, void *y, void *scratch)
{
    ss_dnn *p;
    if (ss_mm_tiles(c, q)) return ss_mm_tiles_run(c, q, x, b, r, y, scratch);
    ss_status st = prepare(c, q, &p);
    if (st) return st;
    if (p) {
        void *data[SS_DNN_SLOTS] = {(void *)x, (void *)w, (void *)b, y, (void *)r};
        st = ss_dnn_run(c, p, data, q->w, scratch);
        ss_dnn_put(p);
        return st;
    }
    char *at = scratch;
    const float *xf = as_f32(x, q->x_type, count_x(q), &at);
    const float *wf = as_f32(w, q->w_type, count_w(q), &at);
    const float *bf = as_f32(q->bias ? b : NULL, q->b_type, q->n, &at);
    const float *rf = as_f32(q->residual ? r : NULL, q->y_type, q->batch * q->m * q->n, &at);
    const bool direct = q->y_type == SS_F32;
    float *yf = direct ? y : (float *)at;
    plain(q, xf, wf, bf, rf, yf);
    if (!direct) ss_store_f32(y, q->y_type, yf, q->batch * q->m * q->n);
    return SS_OK;
}
