/* small.h — writes that need no copy engine. */
#ifndef SEMISAM_CUDA_SMALL_H
#define SEMISAM_CUDA_SMALL_H
#include "gpu.h"
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
enum { SS_SMALL_BYTES = 64 };

/* ss_write_small() — at most SS_SMALL_BYTES bytes, in the order of g's stream. */
ss_status ss_write_small(ss_gpu *g, void *to, const void *from, size_t n);
#ifdef __cplusplus
}
#endif
#endif
