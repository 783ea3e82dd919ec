/* conv.c — the convolution twins: operands, the way that is taken, bias and result. */
#include "conv.h"
#include "libs.h"
#include "product.h"
#include <stdlib.h>
#include <string.h>

typedef enum { EITHER, GEMM, CUDNN } way;

/* $SEMISAM_CONV. */
static ss_status wanted(ss_call *c, way *w)
{
    const char *s = getenv("SEMISAM_CONV");
    *w = !s || !*s ? EITHER : strcmp(s, "gemm") == 0 ? GEMM : CUDNN;
    if (*w == CUDNN && strcmp(s, "cudnn") != 0)
        return ss_fail(c, SS_E_ARG, "SEMISAM_CONV: expected gemm or cudnn, got '%s'", s);
    return SS_OK;
}

static ss_status try_cudnn(ss_call *c, ss_gpu *g, const ss_conv_job *r, bool *done)
{
    way w;
    *done = false;
    ss_status st = wanted(c, &w);
    if (st || w == GEMM || ss_conv_cuts(r->q)) return st;
    ss_libs *l = ss_libs_with_dnn(c, g);
    if (!l) return SS_E_NOMEM;
    if (w == CUDNN && l->dnn_why[0])
        return ss_fail(c, SS_E_DEVICE, "SEMISAM_CONV=cudnn: %s", l->dnn_why);
    return ss_conv_by_cudnn(c, g, r, done);
}

/* By kernels of our own, where the shape is one for them and no other way is asked for. */
static ss_status try_direct(ss_call *c, ss_gpu *g, const ss_conv_job *r, bool *done)
{
    way w;
    const ss_status st = wanted(c, &w);
    *done = !st && w == EITHER && ss_conv_direct(g, r);
    return st;
}

/* bias on every row of y, or of x for a transposed convolution. */
static void add_bias(ss_gpu *g, const ss_conv_job *r)
{
    const ss_view *b = r->a->b;
    const bool x = r->a->result == SS_CONV_X;
    const ss_gemm rows = {.batch = 1,
                          .m = ss_conv_rows(r->q, r->a->result),
                          .n = x ? r->q->c : r->q->o,
                          .y_type = r->t,
                          .b_type = b->dtype};
    ss_gemm_finish(g, &rows, b->data, NULL, x ? r->x : r->y);
}

static ss_status pack_weight(ss_call *c, ss_gpu *g, ss_conv_job *r, ss_lay *l)
{
    const ss_view *w = r->a->w;
    const size_t bytes = ss_conv_weights(r->q) * ss_dtype_bytes(r->t);
    bool fresh = true;
    r->w = w->data;
    if (!ss_conv_packs(r->q, r->a, r->t)) return SS_OK;
    r->w = ss_lay_keeps(c, w)
               ? c->env->pack(c->env, w, SS_CONV_PACKED | (uint64_t)r->t, bytes, &fresh)
               : ss_take(l, bytes);
    if (!r->w) return ss_fail(c, SS_E_NOMEM, "out of memory for the packed weight");
    if (fresh) ss_conv_pack(g, r->q, w->data, w->dtype, r->w, r->t);
    return SS_OK;
}

static ss_status empty(ss_call *c, ss_gpu *g, const ss_conv *q, const ss_conv_args *a)
{
    const ss_view *out = a->result == SS_CONV_Y ? a->y : a->result == SS_CONV_X ? a->x : a->w;
    const bool bias = a->result == SS_CONV_W && a->b;
    cudaError_t e = cudaSuccess;
    if (out->count)
        e = cudaMemsetAsync(out->data, 0, (size_t)out->count * ss_dtype_bytes(out->dtype),
                            g->stream);
    if (!e && bias && q->o)
        e = cudaMemsetAsync(a->b->data, 0, (size_t)q->o * sizeof(float), g->stream);
    return e ? ss_fail(c, SS_E_CUDA, "%s", cudaGetErrorString(e)) : SS_OK;
}

/* y or x. */
static ss_status run_data(ss_call *c, ss_gpu *g, ss_conv_job *r)
{
    ss_lay l = {c->scratch, 0};
    bool done = false;
    ss_status st = pack_weight(c, g, r, &l);
    if (st) return st;
    r->x = r->a->x->data, r->y = r->a->y->data;
    r->work_bytes = ss_conv_work(r->q, r->a, r->t);
    r->work = ss_take(&l, r->work_bytes);
    st = try_direct(c, g, r, &done);
    if (st || done) return st;
    if (!ss_conv_pointwise(r->q)) st = try_cudnn(c, g, r, &done);
    if (st) return st;
    if (!done) return ss_conv_by_gemm(c, g, r);
    if (r->a->b && r->a->b->present) add_bias(g, r);
    return SS_OK;
}

static ss_status run_weight(ss_call *c, ss_gpu *g, ss_conv_job *r)
{
    const ss_conv_args *a = r->a;
    const ss_conv *q = r->q;
    ss_lay l = {c->scratch, 0};
    const void *x, *y;
    bool done = false;
    const bool apart = ss_conv_taps(q) > 1 || r->t != SS_F32; /* as in ss_conv_plan_cuda */
    ss_status st = a->b ? ss_conv_bias_sum(c, g, a->b, a->y) : SS_OK;
    if (!st) st = ss_operand(c, g, &l, a->x, r->t, &x);
    if (!st) st = ss_operand(c, g, &l, a->y, r->t, &y);
    if (st) return st;
    r->x = (void *)x, r->y = (void *)y;
    r->w = apart ? ss_take(&l, ss_conv_weights(q) * sizeof(float)) : a->w->data;
    r->work_bytes = ss_conv_work(q, a, r->t);
    r->work = ss_take(&l, r->work_bytes);
    st = try_direct(c, g, r, &done);
    if (!st && !done && !ss_conv_pointwise(q)) st = try_cudnn(c, g, r, &done);
    if (!st && !done) st = ss_conv_by_gemm(c, g, r);
    if (!st && apart) ss_conv_unpack(g, q, r->w, done ? r->t : SS_F32, a->w->data);
    return st;
}

static ss_status run(ss_call *c, ss_gpu *g, const ss_conv *q, const ss_conv_args *a)
{
    ss_conv_job r = {.q = q, .a = a, .t = ss_conv_type(a)};
    if (ss_conv_empty(q)) return empty(c, g, q, a);
    ss_status st = a->result == SS_CONV_W ? run_weight(c, g, &r) : run_data(c, g, &r);
    if (st) return st;
    const cudaError_t e = cudaGetLastError();
    return e == cudaSuccess ? SS_OK : ss_fail(c, SS_E_CUDA, "%s", cudaGetErrorString(e));
}

/* ---- the ops: where their operands and attributes are --------------------------------------- */

/* Sizes of a call whose shapes `infer` has checked; `at` is the attribute `stride`, followed by
 * pad, then dilation and groups. */
static void of_views(ss_conv *q, int nd, const ss_view *x, const int64_t *kernel, const ss_view *y,
                     const ss_attr *stride, const ss_attr *pad, const ss_attr *dilation,
                     const ss_attr *groups)
{
    q->nd = nd;
    q->n = x->shape[0], q->c = x->shape[nd + 1], q->o = y->shape[nd + 1];
    q->groups = groups->v[0];
    for (int i = 0; i < 3; i++) {
        const int k = i - (3 - nd);
        q->x[i] = k < 0 ? 1 : x->shape[1 + k];
        q->y[i] = k < 0 ? 1 : y->shape[1 + k];
        q->k[i] = k < 0 ? 1 : kernel[k];
        q->step[i] = k < 0 ? 1 : stride->v[k];
        q->pad[i] = k < 0 ? 0 : pad->v[k];
        q->dilation[i] = k < 0 ? 1 : dilation->v[k];
    }
}

ss_status ss_conv_twin(ss_call *c, ss_gpu *g, int nd)
{
    ss_conv q = {0};
    const ss_attr *t = c->attr;
    const ss_conv_args a = {SS_CONV_Y, &c->in[0], &c->in[1], &c->in[2], &c->out[0]};
    of_views(&q, nd, a.x, a.w->shape + 2, a.y, &t[0], &t[1], &t[2], &t[3]);
    return run(c, g, &q, &a);
}

ss_status ss_conv_dx_twin(ss_call *c, ss_gpu *g, int nd)
{
    ss_conv q = {0};
    const ss_attr *t = c->attr;
    const ss_conv_args a = {SS_CONV_X, &c->out[0], &c->in[1], NULL, &c->in[0]};
    of_views(&q, nd, a.x, a.w->shape + 2, a.y, &t[1], &t[2], &t[3], &t[4]);
    return run(c, g, &q, &a);
}

ss_status ss_conv_dw_twin(ss_call *c, ss_gpu *g, int nd)
{
    ss_conv q = {0};
    const ss_attr *t = c->attr;
    const ss_conv_args a = {SS_CONV_W, &c->in[0], &c->out[0], t[1].v[0] ? &c->out[1] : NULL,
                            &c->in[1]};
    of_views(&q, nd, a.x, t[0].v, a.y, &t[2], &t[3], &t[4], &t[5]);
    return run(c, g, &q, &a);
}

ss_status ss_conv_transpose_twin(ss_call *c, ss_gpu *g, int nd)
{
    ss_conv q = {0};
    const ss_attr *t = c->attr;
    const ss_conv_args a = {SS_CONV_X, &c->out[0], &c->in[1], &c->in[2], &c->in[0]};
    of_views(&q, nd, a.x, a.w->shape + 2, a.y, &t[0], &t[1], &t[4], &t[3]);
    return run(c, g, &q, &a);
}
