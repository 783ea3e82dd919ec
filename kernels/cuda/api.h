/* api.h — the CUDA runtime and library interfaces a file is compiled against: NVIDIA's headers, or
 * with SS_EMULATE the stand-ins of tests/emulate that run everything on the CPU. */
#ifndef SEMISAM_CUDA_API_H
#define SEMISAM_CUDA_API_H
#ifdef SS_EMULATE
#include "emulate_api.h"
#else
#include <cuda_runtime_api.h>
#endif
#endif
