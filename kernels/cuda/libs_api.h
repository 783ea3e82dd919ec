/* libs_api.h — the declarations of cuBLASLt, cuDNN and NCCL a file is compiled against: NVIDIA's
 * headers where the compiler finds them, or with SS_EMULATE the stand-ins of tests/emulate. Without
 * a library's header its code is left out, and libs.h says so when it is wanted. */
#ifndef SEMISAM_CUDA_LIBS_API_H
#define SEMISAM_CUDA_LIBS_API_H
#include "api.h"

#ifdef SS_EMULATE
#include "emulate_libs.h"
#define SS_HAS_CUBLASLT 1
#define SS_HAS_CUDNN 1
#define SS_HAS_NCCL 0
#else
#if __has_include(<nccl.h>)
#include <nccl.h>
#define SS_HAS_NCCL 1
#else
#define SS_HAS_NCCL 0
#endif
#if __has_include(<cublasLt.h>)
#include <cublasLt.h>
#define SS_HAS_CUBLASLT 1
#else
#define SS_HAS_CUBLASLT 0
#endif
#if __has_include(<cudnn.h>)
#include <cudnn.h>
#if CUDNN_MAJOR >= 9
#define SS_HAS_CUDNN 1
#endif
#endif
#ifndef SS_HAS_CUDNN
#define SS_HAS_CUDNN 0
#endif
#endif

/* X(function): what is looked up in each library. */
#define SS_LT_FUNCTIONS(X)                                                                         \
    X(cublasLtCreate)                                                                              \
    X(cublasLtDestroy)                                                                             \
    X(cublasLtGetVersion)                                                                          \
    X(cublasLtMatmulDescCreate)                                                                    \
    X(cublasLtMatmulDescDestroy)                                                                   \
    X(cublasLtMatmulDescSetAttribute)                                                              \
    X(cublasLtMatrixLayoutCreate)                                                                  \
    X(cublasLtMatrixLayoutDestroy)                                                                 \
    X(cublasLtMatrixLayoutSetAttribute)                                                            \
    X(cublasLtMatmulPreferenceCreate)                                                              \
    X(cublasLtMatmulPreferenceDestroy)                                                             \
    X(cublasLtMatmulPreferenceSetAttribute)                                                        \
    X(cublasLtMatmulAlgoGetHeuristic)                                                              \
    X(cublasLtMatmul)

#define SS_DNN_FUNCTIONS(X)                                                                        \
    X(cudnnCreate)                                                                                 \
    X(cudnnDestroy)                                                                                \
    X(cudnnSetStream)                                                                              \
    X(cudnnGetVersion)                                                                             \
    X(cudnnGetErrorString)                                                                         \
    X(cudnnBackendCreateDescriptor)                                                                \
    X(cudnnBackendDestroyDescriptor)                                                               \
    X(cudnnBackendSetAttribute)                                                                    \
    X(cudnnBackendGetAttribute)                                                                    \
    X(cudnnBackendFinalize)                                                                        \
    X(cudnnBackendExecute)

/* Only told by `semisam doctor`: a training computes on one GPU. */
#define SS_NCCL_FUNCTIONS(X) X(ncclGetVersion)

#ifndef __cplusplus /* the emulator reads the lists alone */
#define SS_LIB_MEMBER(f) __typeof__(&f) f;
#if SS_HAS_CUBLASLT
typedef struct ss_lt_functions {
    SS_LT_FUNCTIONS(SS_LIB_MEMBER)
} ss_lt_functions;
#endif
#if SS_HAS_CUDNN
typedef struct ss_dnn_functions {
    SS_DNN_FUNCTIONS(SS_LIB_MEMBER)
} ss_dnn_functions;
#endif
#if SS_HAS_NCCL
typedef struct ss_nccl_functions {
    SS_NCCL_FUNCTIONS(SS_LIB_MEMBER)
} ss_nccl_functions;
#endif
#endif
#endif
