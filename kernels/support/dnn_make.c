/* dnn_make.c — turns a description into a oneDNN primitive and the steps around it. */
#include "dnn_make.h"
#include <stdlib.h>
#include <string.h>

typedef struct kit {
    dnnl_engine_t engine;
    dnnl_primitive_attr_t attr;
} kit;

static dnnl_data_type_t dnnl_type(ss_dtype t)
{
    return t == SS_BF16 ? dnnl_bf16 : dnnl_f32;
}

/* The caller's memory of slot s as element type t. */
static dnnl_status_t desc_of(const ss_dnn_desc *d, int s, dnnl_data_type_t t,
                             dnnl_memory_desc_t *md)
{
    return dnnl_memory_desc_init_by_strides(md, d->ndim[s], d->size[s], t, d->stride[s]);
}

/* Memory descriptors as the primitive is asked to use them. Bias and weight gradients are f32. */
static dnnl_status_t wanted(const ss_dnn_desc *d, dnnl_memory_desc_t md[SS_DNN_SLOTS])
{
    dnnl_status_t st = dnnl_success;
    for (int s = 0; s < SS_DNN_SLOTS && !st; s++) {
        memset(&md[s], 0, sizeof md[s]);
        if (!d->ndim[s]) continue;
        dnnl_data_type_t t = dnnl_type((ss_dtype)d->compute);
        if (s == SS_DNN_B || (s == SS_DNN_W && d->kind == SS_DNN_CONV_DW)) t = dnnl_f32;
        if ((s == SS_DNN_Y || s == SS_DNN_R) && d->kind == SS_DNN_MATMUL && d->type[s] == SS_F32)
            t = dnnl_f32;
        st = s == SS_DNN_W && d->repack
                 ? dnnl_memory_desc_init_by_tag(&md[s], d->ndim[s], d->size[s], t,
                                                dnnl_format_tag_any)
                 : desc_of(d, s, t, &md[s]);
    }
    return st;
}

static dnnl_alg_kind_t act_kind(int act)
{
    return act == SS_ACT_GELU   ? dnnl_eltwise_gelu_erf
           : act == SS_ACT_RELU ? dnnl_eltwise_relu
                                : dnnl_eltwise_swish;
}

/* The activation, then the sum with the residual, on the accumulator before it is rounded. */
static dnnl_status_t after_matmul(const ss_dnn_desc *d, const dnnl_memory_desc_t *md,
                                  dnnl_post_ops_t ops)
{
    const float alpha = d->act == SS_ACT_SILU ? 1.0f : 0.0f;
    dnnl_status_t st = dnnl_success;
    if (d->act != SS_ACT_NONE)
        st = dnnl_post_ops_append_eltwise(ops, 1.0f, act_kind(d->act), alpha, 0.0f);
    if (!st && d->ndim[SS_DNN_R])
        st = dnnl_post_ops_append_binary(ops, dnnl_binary_add, &md[SS_DNN_R]);
    return st;
}

static dnnl_status_t make_matmul(const kit *k, const ss_dnn_desc *d, dnnl_memory_desc_t *md,
                                 dnnl_primitive_desc_t *pd)
{
    dnnl_matmul_desc_t op;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t st = dnnl_matmul_desc_init(
        &op, &md[SS_DNN_X], &md[SS_DNN_W], d->ndim[SS_DNN_B] ? &md[SS_DNN_B] : NULL, &md[SS_DNN_Y]);
    if (!st) st = dnnl_primitive_attr_clone(&attr, k->attr);
    if (!st && (d->act != SS_ACT_NONE || d->ndim[SS_DNN_R])) {
        st = dnnl_post_ops_create(&ops);
        if (!st) st = after_matmul(d, md, ops);
        if (!st) st = dnnl_primitive_attr_set_post_ops(attr, ops);
    }
    if (!st) st = dnnl_primitive_desc_create(pd, &op, attr, k->engine, NULL);
    if (ops) dnnl_post_ops_destroy(ops);
    if (attr) dnnl_primitive_attr_destroy(attr);
    return st;
}

static dnnl_status_t make_act_dx(const kit *k, const ss_dnn_desc *d, dnnl_memory_desc_t *md,
                                 dnnl_primitive_desc_t *pd)
{
    dnnl_eltwise_desc_t op;
    dnnl_primitive_desc_t hint = NULL;
    const dnnl_alg_kind_t kind = act_kind(d->act);
    const float alpha = d->act == SS_ACT_SILU ? 1.0f : 0.0f;
    dnnl_status_t st = dnnl_eltwise_forward_desc_init(&op, dnnl_forward_training, kind,
                                                      &md[SS_DNN_X], alpha, 0.0f);
    if (!st) st = dnnl_primitive_desc_create(&hint, &op, k->attr, k->engine, NULL);
    if (!st)
        st = dnnl_eltwise_backward_desc_init(&op, kind, &md[SS_DNN_Y], &md[SS_DNN_X], alpha, 0.0f);
    if (!st) st = dnnl_primitive_desc_create(pd, &op, k->attr, k->engine, hint);
    if (hint) dnnl_primitive_desc_destroy(hint);
    return st;
}

static dnnl_status_t make_conv(const kit *k, const ss_dnn_desc *d, dnnl_memory_desc_t *md,
                               dnnl_primitive_desc_t *pd)
{
    dnnl_convolution_desc_t op;
    dnnl_primitive_desc_t hint = NULL;
    dnnl_memory_desc_t *x = &md[SS_DNN_X], *w = &md[SS_DNN_W], *y = &md[SS_DNN_Y];
    dnnl_memory_desc_t *b = d->ndim[SS_DNN_B] ? &md[SS_DNN_B] : NULL, wf = *w;
    wf.data_type = x->data_type; /* the forward hint wants one type */
    dnnl_status_t st = dnnl_dilated_convolution_forward_desc_init(
        &op, dnnl_forward_training, dnnl_convolution_direct, x, &wf, b, y, d->step, d->dilation,
        d->pad_l, d->pad_r);
    if (st) return st;
    if (d->kind == SS_DNN_CONV)
        return dnnl_primitive_desc_create(pd, &op, k->attr, k->engine, NULL);
    st = dnnl_primitive_desc_create(&hint, &op, k->attr, k->engine, NULL);
    if (!st && d->kind == SS_DNN_CONV_DX)
        st = dnnl_dilated_convolution_backward_data_desc_init(
            &op, dnnl_convolution_direct, x, w, y, d->step, d->dilation, d->pad_l, d->pad_r);
    if (!st && d->kind == SS_DNN_CONV_DW)
        st = dnnl_dilated_convolution_backward_weights_desc_init(
            &op, dnnl_convolution_direct, x, w, b, y, d->step, d->dilation, d->pad_l, d->pad_r);
    if (!st) st = dnnl_primitive_desc_create(pd, &op, k->attr, k->engine, hint);
    if (hint) dnnl_primitive_desc_destroy(hint);
    return st;
}

/* Which oneDNN argument slot s is, what to ask the primitive for, and whether it is an output. */
static void role(ss_dnn_kind kind, int s, int *arg, dnnl_query_t *q, bool *output)
{
    static const struct {
        int arg;
        dnnl_query_t query;
        bool output;
    } table[][SS_DNN_SLOTS] = {
        [SS_DNN_MATMUL] = {{DNNL_ARG_SRC, dnnl_query_src_md, false},
                           {DNNL_ARG_WEIGHTS, dnnl_query_weights_md, false},
                           {DNNL_ARG_BIAS, dnnl_query_weights_md, false},
                           {DNNL_ARG_DST, dnnl_query_dst_md, true},
                           {0, dnnl_query_undef, false}}, /* see residual_arg() */
        [SS_DNN_CONV] = {{DNNL_ARG_SRC, dnnl_query_src_md, false},
                         {DNNL_ARG_WEIGHTS, dnnl_query_weights_md, false},
                         {DNNL_ARG_BIAS, dnnl_query_weights_md, false},
                         {DNNL_ARG_DST, dnnl_query_dst_md, true}},
        [SS_DNN_CONV_DX] = {{DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md, true},
                            {DNNL_ARG_WEIGHTS, dnnl_query_weights_md, false},
                            {DNNL_ARG_BIAS, dnnl_query_weights_md, false},
                            {DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, false}},
        [SS_DNN_CONV_DW] = {{DNNL_ARG_SRC, dnnl_query_src_md, false},
                            {DNNL_ARG_DIFF_WEIGHTS, dnnl_query_diff_weights_md, true},
                            {DNNL_ARG_DIFF_BIAS, dnnl_query_diff_weights_md, true},
                            {DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, false}},
        [SS_DNN_ACT_DX] = {{DNNL_ARG_SRC, dnnl_query_src_md, false},
                           {DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md, true},
                           {0, dnnl_query_undef, false},
                           {DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, false}},
    };
    *arg = table[kind][s].arg;
    *q = table[kind][s].query;
    *output = table[kind][s].output;
}

static dnnl_status_t make_reorder(const kit *k, ss_dnn *p, ss_dnn_mem *s)
{
    dnnl_primitive_desc_t pd;
    const dnnl_memory_desc_t *from = s->output ? &s->prim : &s->plain;
    const dnnl_memory_desc_t *to = s->output ? &s->plain : &s->prim;
    dnnl_status_t st =
        dnnl_reorder_primitive_desc_create(&pd, from, k->engine, to, k->engine, k->attr);
    if (st) return st;
    st = dnnl_primitive_create(&s->reorder, pd);
    size_t work =
        dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0));
    if (work > p->work_bytes) p->work_bytes = work;
    dnnl_primitive_desc_destroy(pd);
    return st;
}

/* Where the residual stands among the post-operations: it is used as it was described. */
static int residual_arg(const ss_dnn_desc *d)
{
    return DNNL_ARG_ATTR_MULTIPLE_POST_OP(d->act != SS_ACT_NONE) | DNNL_ARG_SRC_1;
}

static dnnl_status_t make_slot(const kit *k, ss_dnn *p, const_dnnl_primitive_desc_t pd,
                               const dnnl_memory_desc_t *asked, int i)
{
    const ss_dnn_desc *d = &p->desc;
    ss_dnn_mem *s = &p->slot[i];
    dnnl_query_t query;
    role((ss_dnn_kind)d->kind, i, &s->arg, &query, &s->output);
    s->used = d->ndim[i] > 0;
    if (!s->used) return dnnl_success;
    const ss_dtype t = (ss_dtype)d->type[i];
    s->convert = t != SS_F32 && (t != SS_BF16 || d->compute != SS_BF16 || i == SS_DNN_B);
    s->count = 1;
    for (int a = 0; a < d->ndim[i]; a++) s->count *= (size_t)d->size[i][a];
    dnnl_status_t st = desc_of(d, i, s->convert ? dnnl_f32 : dnnl_type(t), &s->plain);
    const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(pd, query, i == SS_DNN_B);
    if (i == SS_DNN_R) {
        s->arg = residual_arg(d);
        md = asked;
    }
    if (st || !md) return st ? st : dnnl_runtime_error;
    s->prim = *md;
    return dnnl_memory_desc_equal(&s->plain, &s->prim) ? dnnl_success : make_reorder(k, p, s);
}

/* Offsets in scratch: the weight comes last, so that a packed one needs less. */
static void lay_out(ss_dnn *p)
{
    static const int order[] = {SS_DNN_X, SS_DNN_B, SS_DNN_R, SS_DNN_Y, SS_DNN_W};
    p->work_at = 0;
    size_t at = ss_dnn_pad(p->work_bytes);
    for (int i = 0; i < SS_DNN_SLOTS; i++) {
        ss_dnn_mem *s = &p->slot[order[i]];
        if (order[i] == SS_DNN_W) p->scratch_packed = at;
        s->convert_at = at;
        if (s->used && s->convert) at += ss_dnn_pad(s->count * sizeof(float));
        s->reorder_at = at;
        if (s->used && s->reorder) at += ss_dnn_pad(dnnl_memory_desc_get_size(&s->prim));
    }
    p->scratch_all = at;
}

dnnl_status_t ss_dnn_make(ss_dnn *p, dnnl_engine_t engine, dnnl_primitive_attr_t attr)
{
    const kit k = {engine, attr};
    dnnl_memory_desc_t md[SS_DNN_SLOTS];
    dnnl_primitive_desc_t pd = NULL;
    const ss_dnn_desc *d = &p->desc;
    dnnl_status_t st = wanted(d, md);
    if (!st)
        st = d->kind == SS_DNN_MATMUL   ? make_matmul(&k, d, md, &pd)
             : d->kind == SS_DNN_ACT_DX ? make_act_dx(&k, d, md, &pd)
                                        : make_conv(&k, d, md, &pd);
    if (st) return st;
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &p->impl);
    if (p->impl && strstr(p->impl, "ref")) { /* its plain loops are slower than ours */
        dnnl_primitive_desc_destroy(pd);
        return dnnl_unimplemented;
    }
    p->work_bytes =
        dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0));
    st = dnnl_primitive_create(&p->prim, pd);
    if (!st) dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &p->impl);
    for (int i = 0; i < SS_DNN_SLOTS && !st; i++) st = make_slot(&k, p, pd, &md[i], i);
    dnnl_primitive_desc_destroy(pd);
    if (!st) lay_out(p);
    return st;
}

void ss_dnn_destroy(ss_dnn *p)
{
    if (p->prim) dnnl_primitive_destroy(p->prim);
    for (int i = 0; i < SS_DNN_SLOTS; i++)
        if (p->slot[i].reorder) dnnl_primitive_destroy(p->slot[i].reorder);
    free(p);
}
