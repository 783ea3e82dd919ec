/* libs.h — cuBLASLt and cuDNN, loaded when first wanted. */
#ifndef SEMISAM_CUDA_LIBS_H
#define SEMISAM_CUDA_LIBS_H
#include "gpu.h"

#ifdef __cplusplus
extern "C" {
#endif
/* ss_libs_close() — gives the handles of g back. */
void ss_libs_close(ss_gpu *g);
#ifdef __cplusplus
}
#endif
#endif
