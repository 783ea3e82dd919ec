/* dnn.h — a thin layer over oneDNN's C API for the ops that multiply matrices and convolve.
 *
 * A caller fills a zeroed ss_dnn_desc, gets the prepared primitive from a cache, and runs it on
 * plain row-major or channels-last memory. Layout changes of weights, element types oneDNN does
 * not compute in, and oneDNN's own workspace are served from the op's scratch memory, so that a
 * call allocates nothing. Safe from several threads at once.
 *
 * The environment variable SEMISAM_DNN=off makes every request be refused, so that the plain
 * loops of the ops run instead; SEMISAM_DNN=verbose lets oneDNN report what it executes. */
#ifndef SEMISAM_DNN_H
#define SEMISAM_DNN_H
#include "../op.h"
#include "act.h"

enum { SS_DNN_MAX_DIM = 12 }; /* oneDNN reads whole arrays of this length */

typedef enum {
    SS_DNN_MATMUL,  /* y = act(x w + bias) + residual */
    SS_DNN_CONV,    /* y = x * w + bias */
    SS_DNN_CONV_DX, /* x from y and w */
    SS_DNN_CONV_DW, /* w and bias from x and y */
    SS_DNN_ACT_DX   /* w = y * act'(x), all of the same size */
} ss_dnn_kind;

/* The memories of a primitive. */
typedef enum { SS_DNN_X, SS_DNN_W, SS_DNN_B, SS_DNN_Y, SS_DNN_R, SS_DNN_SLOTS } ss_dnn_slot;

/* What is to be computed, and the cache's key: zero the whole structure (memset) before filling.
 * Sizes and strides are in oneDNN's order: (n, c, d, h, w), (g, o, i, kd, kh, kw) or batch axes
 * before rows and columns; strides in elements describe the caller's memory. */
typedef struct ss_dnn_desc {
    int32_t kind, ndim[SS_DNN_SLOTS]; /* ndim 0: no such memory */
    int32_t type[SS_DNN_SLOTS];       /* ss_dtype of the caller's memory */
    int32_t compute;                  /* SS_F32 or SS_BF16: ss_dnn_compute() */
    int32_t act;
    int32_t repack;  /* let oneDNN choose the layout of w */
    int32_t threads; /* filled in by ss_dnn_get */
    int32_t pad_;
    int64_t size[SS_DNN_SLOTS][SS_DNN_MAX_DIM], stride[SS_DNN_SLOTS][SS_DNN_MAX_DIM];
    int64_t step[SS_DNN_MAX_DIM], dilation[SS_DNN_MAX_DIM];
    int64_t pad_l[SS_DNN_MAX_DIM], pad_r[SS_DNN_MAX_DIM];
} ss_dnn_desc;

typedef struct ss_dnn ss_dnn;

/* Element type to compute in for tensors of type t: bf16 where the processor has it, else f32. */
ss_dtype ss_dnn_compute(ss_dtype t);

/* ss_dnn_memory() — describes one dense row-major memory of the caller. */
void ss_dnn_memory(ss_dnn_desc *d, ss_dnn_slot s, ss_dtype t, int ndim, const int64_t *size);

/* ss_dnn_get() — the prepared primitive, borrowed until ss_dnn_put. *p is NULL with SS_OK where
 * oneDNN has no fast code for it: the caller then runs its own loops. */
ss_status ss_dnn_get(ss_call *c, const ss_dnn_desc *d, ss_dnn **p);
void ss_dnn_put(ss_dnn *p);

/* Bytes of scratch that ss_dnn_run needs; `w` is the view behind slot W (NULL: no weight): a
 * constant one is packed once and kept instead. */
size_t ss_dnn_scratch(const ss_call *c, const ss_dnn *p, const ss_view *w);

/* ss_dnn_run() — computes. data[] has one pointer per slot (NULL where absent). */
ss_status ss_dnn_run(ss_call *c, ss_dnn *p, void *const data[SS_DNN_SLOTS], const ss_view *w,
                     void *scratch);

/* Name of the implementation oneDNN chose, for measurements. */
const char *ss_dnn_impl(const ss_dnn *p);
#endif
