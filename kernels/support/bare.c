/* bare.c — bare oneDNN primitives and copies, timed. */
#include "bare.h"
#include "../cpu.h"
#include <dnnl.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_ARG = 6, COPY_BLOCK = 1 << 18 };

typedef struct bench {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t attr;
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t prim;
    dnnl_exec_arg_t arg[MAX_ARG];
    void *data[MAX_ARG];
    int n;
} bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static dnnl_memory_desc_t any(int ndim, const int64_t *size, dnnl_data_type_t t)
{
    dnnl_memory_desc_t md;
    dnnl_dims_t dims = {0};
    memcpy(dims, size, (size_t)ndim * sizeof *size);
    if (dnnl_memory_desc_init_by_tag(&md, ndim, dims, t, dnnl_format_tag_any))
        memset(&md, 0, sizeof md);
    return md;
}

/* Ordinary numbers everywhere: zeros and denormals would flatter or slow the processor. */
static void fill(void *data, size_t bytes, dnnl_data_type_t t)
{
    const int64_t words = (int64_t)(bytes / 4);
    const uint32_t value = t == dnnl_f32 ? 0x3e99999au : 0x3e993e99u;
    SS_PARALLEL_FOR (i, ss_ceil_div(words, COPY_BLOCK), COPY_BLOCK) {
        uint32_t *at = (uint32_t *)data + i * COPY_BLOCK;
        for (int64_t k = 0; k < ss_min64(COPY_BLOCK, words - i * COPY_BLOCK); k++) at[k] = value;
    }
}

static dnnl_status_t argument(bench *b, int id, dnnl_query_t query, int index)
{
    const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(b->pd, query, index);
    const size_t bytes = dnnl_memory_desc_get_size(md), whole = (bytes + 127) / 64 * 64;
    void *data = aligned_alloc(64, whole);
    if (!data) return dnnl_out_of_memory;
    fill(data, whole, md->data_type == dnnl_bf16 ? dnnl_bf16 : dnnl_f32);
    b->data[b->n] = data;
    b->arg[b->n].arg = id;
    dnnl_status_t st = dnnl_memory_create(&b->arg[b->n].memory, md, b->engine, data);
    b->n++;
    return st;
}

static dnnl_status_t matmul(bench *b, dnnl_data_type_t t, const int64_t *s)
{
    const bool tx = s[3], gelu = s[4];
    const int64_t one[2] = {1, s[2]};
    dnnl_memory_desc_t x = any(2, (int64_t[]){s[0], s[1]}, t);
    dnnl_memory_desc_t w = any(2, (int64_t[]){s[1], s[2]}, t), bias = any(2, one, dnnl_f32);
    dnnl_memory_desc_t y = any(2, (int64_t[]){s[0], s[2]}, s[5] ? dnnl_f32 : t);
    dnnl_status_t st = dnnl_memory_desc_init_by_tag(&bias, 2, bias.dims, dnnl_f32, dnnl_ab);
    if (!st && tx) st = dnnl_memory_desc_init_by_tag(&x, 2, x.dims, t, dnnl_ba);
    if (!st && tx) st = dnnl_memory_desc_init_by_tag(&w, 2, w.dims, t, dnnl_ab);
    if (!st && gelu) {
        dnnl_post_ops_t ops;
        st = dnnl_post_ops_create(&ops);
        if (!st) st = dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_gelu_erf, 0.0f, 0.0f);
        if (!st) st = dnnl_primitive_attr_set_post_ops(b->attr, ops);
        dnnl_post_ops_destroy(ops);
    }
    dnnl_matmul_desc_t d;
    if (!st) st = dnnl_matmul_desc_init(&d, &x, &w, tx ? NULL : &bias, &y);
    if (!st) st = dnnl_primitive_desc_create(&b->pd, &d, b->attr, b->engine, NULL);
    if (!st) st = argument(b, DNNL_ARG_SRC, dnnl_query_src_md, 0);
    if (!st) st = argument(b, DNNL_ARG_WEIGHTS, dnnl_query_weights_md, 0);
    if (!st && !tx) st = argument(b, DNNL_ARG_BIAS, dnnl_query_weights_md, 1);
    if (!st) st = argument(b, DNNL_ARG_DST, dnnl_query_dst_md, 0);
    return st;
}

static dnnl_status_t convolution(bench *b, ss_bare what, dnnl_data_type_t t, const int64_t *s)
{
    const int64_t k = s[6];
    const dnnl_dims_t step = {1, 1, 1}, none = {0}, pad = {k / 2, k / 2, k / 2};
    dnnl_memory_desc_t x = any(5, (int64_t[]){s[0], s[4], s[1], s[2], s[3]}, t);
    dnnl_memory_desc_t y = any(5, (int64_t[]){s[0], s[5], s[1], s[2], s[3]}, t);
    dnnl_memory_desc_t w = any(5, (int64_t[]){s[5], s[4], k, k, k}, t), wg = w;
    dnnl_memory_desc_t bias = any(1, &s[5], dnnl_f32);
    wg.data_type = dnnl_f32;
    dnnl_convolution_desc_t d;
    dnnl_primitive_desc_t forward = NULL;
    dnnl_status_t st = dnnl_dilated_convolution_forward_desc_init(&d, dnnl_forward_training,
                                                                  dnnl_convolution_direct, &x, &w,
                                                                  &bias, &y, step, none, pad, pad);
    if (!st) st = dnnl_primitive_desc_create(&forward, &d, b->attr, b->engine, NULL);
    if (!st && what == SS_BARE_CONV_DX)
        st = dnnl_dilated_convolution_backward_data_desc_init(&d, dnnl_convolution_direct, &x, &w,
                                                              &y, step, none, pad, pad);
    if (!st && what == SS_BARE_CONV_DW)
        st = dnnl_dilated_convolution_backward_weights_desc_init(
            &d, dnnl_convolution_direct, &x, &wg, &bias, &y, step, none, pad, pad);
    if (!st)
        st = dnnl_primitive_desc_create(&b->pd, &d, b->attr, b->engine,
                                        what == SS_BARE_CONV ? NULL : forward);
    if (forward) dnnl_primitive_desc_destroy(forward);
    if (st) return st;
    static const struct {
        int id[4];
        dnnl_query_t query[4];
        int index[4], n;
    } table[] = {
        [SS_BARE_CONV] = {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST},
                          {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_weights_md,
                           dnnl_query_dst_md},
                          {0, 0, 1, 0},
                          4},
        [SS_BARE_CONV_DX] = {{DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_SRC},
                             {dnnl_query_diff_dst_md, dnnl_query_weights_md,
                              dnnl_query_diff_src_md},
                             {0, 0, 0},
                             3},
        [SS_BARE_CONV_DW] = {{DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS,
                              DNNL_ARG_DIFF_BIAS},
                             {dnnl_query_src_md, dnnl_query_diff_dst_md, dnnl_query_diff_weights_md,
                              dnnl_query_diff_weights_md},
                             {0, 0, 0, 1},
                             4},
    };
    for (int i = 0; i < table[what].n && !st; i++)
        st = argument(b, table[what].id[i], table[what].query[i], table[what].index[i]);
    return st;
}

static dnnl_status_t run(bench *b, int repeats, float *seconds)
{
    dnnl_status_t st = dnnl_primitive_create(&b->prim, b->pd);
    if (!st) st = argument(b, DNNL_ARG_SCRATCHPAD, dnnl_query_scratchpad_md, 0);
    for (int i = -1; i < repeats && !st; i++) {
        const double t = now();
        st = dnnl_primitive_execute(b->prim, b->stream, b->n, b->arg);
        if (!st) st = dnnl_stream_wait(b->stream);
        if (i >= 0) seconds[i] = (float)(now() - t);
    }
    return st;
}

static void clear(bench *b)
{
    for (int i = 0; i < b->n; i++) {
        if (b->arg[i].memory) dnnl_memory_destroy(b->arg[i].memory);
        free(b->data[i]);
    }
    if (b->prim) dnnl_primitive_destroy(b->prim);
    if (b->pd) dnnl_primitive_desc_destroy(b->pd);
    if (b->attr) dnnl_primitive_attr_destroy(b->attr);
    if (b->stream) dnnl_stream_destroy(b->stream);
    if (b->engine) dnnl_engine_destroy(b->engine);
}

static ss_status copy(ss_call *c, size_t bytes, int repeats, float *seconds)
{
    const size_t whole = (bytes + 63) / 64 * 64 + 64;
    char *from = aligned_alloc(64, whole), *to = aligned_alloc(64, whole);
    if (from && to) {
        fill(from, whole, dnnl_f32);
        fill(to, whole, dnnl_f32);
    }
    for (int i = -1; i < repeats && from && to; i++) {
        const double t = now();
        SS_PARALLEL_FOR (k, ss_ceil_div((int64_t)bytes, COPY_BLOCK), COPY_BLOCK) {
            const int64_t at = k * COPY_BLOCK;
            memcpy(to + at, from + at, (size_t)ss_min64(COPY_BLOCK, (int64_t)bytes - at));
        }
        if (i >= 0) seconds[i] = (float)(now() - t);
    }
    const bool had = from && to;
    free(from);
    free(to);
    return had ? SS_OK : ss_fail(c, SS_E_NOMEM, "no memory for two buffers of %zu bytes", whole);
}

ss_status ss_bare_time(ss_call *c, ss_bare what, ss_dtype type, const int64_t *size, int repeats,
                       float *seconds)
{
    const dnnl_data_type_t t = type == SS_BF16 ? dnnl_bf16 : dnnl_f32;
    bench b = {0};
    if (what == SS_BARE_COPY) return copy(c, (size_t)size[0], repeats, seconds);
    dnnl_status_t st = dnnl_engine_create(&b.engine, dnnl_cpu, 0);
    if (!st) st = dnnl_stream_create(&b.stream, b.engine, dnnl_stream_default_flags);
    if (!st) st = dnnl_primitive_attr_create(&b.attr);
    if (!st) st = dnnl_primitive_attr_set_scratchpad_mode(b.attr, dnnl_scratchpad_mode_user);
    if (!st) st = what == SS_BARE_MATMUL ? matmul(&b, t, size) : convolution(&b, what, t, size);
    if (!st) st = run(&b, repeats, seconds);
    clear(&b);
    if (!st) return SS_OK;
    return ss_fail(c, st == dnnl_out_of_memory ? SS_E_NOMEM : SS_E_STATE,
                   "oneDNN gave status %d for the bare computation", (int)st);
}
