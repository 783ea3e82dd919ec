/* libs_load.h — the functions of cuBLASLt, cuDNN and NCCL, loaded when first wanted.
 *
 * A library is looked for where the loader looks, then in the folders of $SEMISAM_CUDA_LIBS (with
 * colons between them), then in those of a CUDA installation. */
#ifndef SEMISAM_CUDA_LIBS_LOAD_H
#define SEMISAM_CUDA_LIBS_LOAD_H
#include "libs_api.h"
#include <stddef.h>

/* The tables of functions, loaded once for the process. NULL: `why` (of n bytes) says it. */
#if SS_HAS_CUBLASLT
const ss_lt_functions *ss_lt_load(char *why, size_t n);
#endif
#if SS_HAS_CUDNN
const ss_dnn_functions *ss_dnn_load(char *why, size_t n);
#endif
#if SS_HAS_NCCL
const ss_nccl_functions *ss_nccl_load(char *why, size_t n);
#endif
#endif
