/* libs.h — cuBLASLt and cuDNN of a device, opened when first wanted. C only: the twins call gemm.h
 * and conv.h. */
#ifndef SEMISAM_CUDA_LIBS_H
#define SEMISAM_CUDA_LIBS_H
#include "gpu.h"
#include "libs_load.h"

typedef struct ss_gemm_cache ss_gemm_cache; /* gemm.c */
typedef struct ss_conv_cache ss_conv_cache; /* conv_cudnn.c */

/* What a device has opened. */
typedef struct ss_libs {
#if SS_HAS_CUBLASLT
    const ss_lt_functions *lt; /* with lt_handle */
    cublasLtHandle_t lt_handle;
#endif
#if SS_HAS_CUDNN
    const ss_dnn_functions *dnn; /* with dnn_handle */
    cudnnHandle_t dnn_handle;
#endif
    bool lt_tried, dnn_tried;
    char lt_why[300], dnn_why[300]; /* why it is not there */
    ss_gemm_cache *gemm;
    ss_conv_cache *conv;
} ss_libs;

/* The libraries of g with cuBLASLt open; NULL: `c` has the sentence. */
ss_libs *ss_libs_with_lt(ss_call *c, ss_gpu *g);
/* The libraries of g with cuDNN tried: ->dnn is NULL where it is missing, and dnn_why says it. NULL
 * only without memory. */
ss_libs *ss_libs_with_dnn(ss_call *c, ss_gpu *g);

/* ss_libs_close() — gives the handles of g back. */
void ss_libs_close(ss_gpu *g);
/* Parts of it. */
void ss_gemm_close(ss_libs *l);
void ss_conv_close(ss_libs *l);
#endif
