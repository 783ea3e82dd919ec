/* conv_gemm.c — convolutions without cuDNN: rows are gathered into scratch a chunk at a time and
 * multiplied by the packed weights; with groups, kernels of our own. */
#include "conv.h"
#include "gpu.h"

static ss_status grouped(ss_gpu *g, const ss_conv_job *r)
{
    const ss_view *b = r->a->b && r->a->b->present ? r->a->b : NULL;
    const void *data = b ? b->data : NULL;
    const ss_dtype type = b ? b->dtype : SS_F32;
    switch (r->a->result) {
    case SS_CONV_Y:
        ss_conv_grouped_y(g, r, data, type);
        break;
    case SS_CONV_X:
        ss_conv_grouped_x(g, r, data, type);
        break;
    case SS_CONV_W:
        ss_conv_grouped_w(g, r);
        break;
    }
    return SS_OK;
}

/* Element `row` * `cols` of an array of type t. */
static char *row_at(void *p, ss_dtype t, int64_t row, int64_t cols)
{
    return (char *)p + (size_t)(row * cols) * ss_dtype_bytes(t);
}

/* y of rows [first, first + rows) from what x gives to them. */
static ss_status chunk_y(ss_call *c, ss_gpu *g, const ss_conv_job *r, int64_t first, int64_t rows,
                         void *col, void *work)
{
    const ss_gemm m = ss_conv_gemm(r->q, r->a, r->t, rows);
    const void *from = row_at(r->x, r->t, first, r->q->c);
    if (!ss_conv_pointwise(r->q)) {
        ss_conv_gather_x(g, r->q, r->t, r->x, first, rows, col);
        from = col;
    }
    return ss_gemm_run(c, g, &m, from, r->w, m.bias ? r->a->b->data : NULL, NULL,
                       row_at(r->y, r->t, first, r->q->o), work);
}

/* x of its rows from what y gives to them, or tile by tile from rows of y. */
static ss_status chunk_x(ss_call *c, ss_gpu *g, const ss_conv_job *r, int64_t first, int64_t rows,
                         void *col, void *work)
{
    const ss_conv *q = r->q;
    const ss_view *b = r->a->b && r->a->b->present ? r->a->b : NULL;
    const ss_gemm m = ss_conv_gemm(q, r->a, r->t, rows);
    const void *y = row_at(r->y, r->t, first, q->o);
    const void *bias = m.bias ? b->data : NULL;
    if (ss_conv_pointwise(q))
        return ss_gemm_run(c, g, &m, y, r->w, bias, NULL, row_at(r->x, r->t, first, q->c), work);
    if (!ss_conv_tiles(q)) {
        ss_conv_gather_y(g, q, r->t, r->y, first, rows, col);
        return ss_gemm_run(c, g, &m, col, r->w, bias, NULL, row_at(r->x, r->t, first, q->c), work);
    }
    ss_status st = ss_gemm_run(c, g, &m, y, r->w, NULL, NULL, col, work);
    if (!st)
        ss_conv_spread(g, q, r->t, col, first, rows, b ? b->data : NULL, b ? b->dtype : SS_F32,
                       r->x);
    return st;
}

/* Adds what rows of y and of gathered x give to the weights. */
static ss_status chunk_w(ss_call *c, ss_gpu *g, const ss_conv_job *r, int64_t first, int64_t rows,
                         void *col, void *work)
{
    ss_gemm m = ss_conv_gemm(r->q, r->a, r->t, rows);
    const void *from = row_at(r->x, r->t, first, r->q->c);
    m.accumulate = first > 0;
    if (!ss_conv_pointwise(r->q)) {
        ss_conv_gather_x(g, r->q, r->t, r->x, first, rows, col);
        from = col;
    }
    return ss_gemm_run(c, g, &m, row_at(r->y, r->t, first, r->q->o), from, NULL, NULL, r->w, work);
}

ss_status ss_conv_by_gemm(ss_call *c, ss_gpu *g, const ss_conv_job *r)
{
    ss_conv_chunk k = ss_conv_chunk_of(r->q, r->a->result, r->t);
    ss_lay l = {r->work, 0};
    void *col = NULL;
    ss_status st = SS_OK;
    if (r->q->groups > 1) return grouped(g, r);
    if (ss_conv_pointwise(r->q))
        k.count = k.rows;
    else
        col = ss_take(&l, (size_t)(k.count * k.depth) * ss_dtype_bytes(r->t));
    for (int64_t first = 0; first < k.rows && !st; first += k.count) {
        const int64_t rows = k.rows - first < k.count ? k.rows - first : k.count;
        void *work = r->work + l.used;
        if (r->a->result == SS_CONV_Y)
            st = chunk_y(c, g, r, first, rows, col, work);
        else if (r->a->result == SS_CONV_X)
            st = chunk_x(c, g, r, first, rows, col, work);
        else
            st = chunk_w(c, g, r, first, rows, col, work);
    }
    return st;
}
