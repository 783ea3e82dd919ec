/* conv.h — convolutions on the device. What is chosen and the scratch are said in
 * support/cuda_conv.h. */
#ifndef SEMISAM_CUDA_CONV_H
#define SEMISAM_CUDA_CONV_H
#include "gemm.h"
#include "support/cuda_conv.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- conv.c -------------------------------------------------------------------------------- */

/* The twins: of convNd, its gradients and its transpose with nd axes. */
ss_status ss_conv_twin(ss_call *c, ss_gpu *g, int nd);
ss_status ss_conv_dx_twin(ss_call *c, ss_gpu *g, int nd);
ss_status ss_conv_dw_twin(ss_call *c, ss_gpu *g, int nd);
ss_status ss_conv_transpose_twin(ss_call *c, ss_gpu *g, int nd);

/* ---- the two ways: x, y in type t, w packed; all data in place ------------------------------ */

typedef struct ss_conv_job {
    const ss_conv *q;
    const ss_conv_args *a;
    ss_dtype t;
    void *x, *w, *y; /* w: for SS_CONV_W packed f32 */
    char *work;
    size_t work_bytes;
} ss_conv_job;

/* *done is false, and nothing queued, where cuDNN has no plan. For SS_CONV_W the result is in
 * type t. */
ss_status ss_conv_by_cudnn(ss_call *c, ss_gpu *g, const ss_conv_job *r, bool *done);
/* With bias, but for SS_CONV_W. */
ss_status ss_conv_by_gemm(ss_call *c, ss_gpu *g, const ss_conv_job *r);

/* ---- conv_kernels.cu: launched from C
 * ------------------------------------------------------------------------ */

/* The bias gradient, on c's scratch. */
ss_status ss_conv_bias_sum(ss_call *c, ss_gpu *g, const ss_view *db, const ss_view *dy);
/* [out, in, taps] of any float type to [out, taps, in] and back. */
void ss_conv_pack(ss_gpu *g, const ss_conv *q, const void *w, ss_dtype wt, void *to, ss_dtype t);
void ss_conv_unpack(ss_gpu *g, const ss_conv *q, const void *w, ss_dtype t, float *to);
/* What x gives to rows [first, first + rows) of y: [rows, taps, c]. */
void ss_conv_gather_x(ss_gpu *g, const ss_conv *q, ss_dtype t, const void *x, int64_t first,
                      int64_t rows, void *out);
/* What y gives to rows of x: [rows, o, taps], zero where a tap does not meet the row. */
void ss_conv_gather_y(ss_gpu *g, const ss_conv *q, ss_dtype t, const void *y, int64_t first,
                      int64_t rows, void *out);
/* [rows, taps, c] of rows of y to where they lie in x, with a bias (NULL: none). */
void ss_conv_spread(ss_gpu *g, const ss_conv *q, ss_dtype t, const void *from, int64_t first,
                    int64_t rows, const void *b, ss_dtype bt, void *x);

/* ---- conv_direct.cu: few channels in f32
 * --------------------------------------------------------- */

/* With bias, but for SS_CONV_W. false, and nothing queued, for other shapes and odd addresses. */
bool ss_conv_direct(ss_gpu *g, const ss_conv_job *r);

/* ---- conv_grouped.cu: with groups, directly ---------------------------------------------------
 */

void ss_conv_grouped_y(ss_gpu *g, const ss_conv_job *r, const void *b, ss_dtype bt);
void ss_conv_grouped_x(ss_gpu *g, const ss_conv_job *r, const void *b, ss_dtype bt);
void ss_conv_grouped_w(ss_gpu *g, const ss_conv_job *r); /* to r->w, through r->work */

#ifdef __cplusplus
}
#endif
#endif
