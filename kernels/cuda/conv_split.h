/* conv_split.h — f32 convolutions on tensor cores. How they are cut and what they take is said in
 * support/cuda_conv_split.h. */
#ifndef SEMISAM_CUDA_CONV_SPLIT_RUN_H
#define SEMISAM_CUDA_CONV_SPLIT_RUN_H
#include "conv.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- conv_split.c --------------------------------------------------------------------------- */

/* ss_conv_by_split() — s is what ss_conv_split_of says of r, whose scratch is ss_conv_room's. *done
 * is false, and nothing queued, where cuDNN has no plan. */
ss_status ss_conv_by_split(ss_call *c, ss_gpu *g, const ss_conv_job *r, const ss_conv_split *s,
                           bool *done);

/* ---- conv_split.cu: launched from C ---------------------------------------------------------- */

/* A factor [samples, size, plane] of which `rows` from row `first` on are split, zeros outside. */
typedef struct ss_factor {
    const float *from;
    float *to;
    int64_t samples, size, plane, first, rows;
    int64_t channels; /* the parts lie beside each other in every position; 0: one after another */
    int lo;           /* which of the three parts is the lower one */
} ss_factor;

void ss_conv_split_factor(ss_gpu *g, const ss_factor *f);
/* sum += part */
void ss_conv_split_add(ss_gpu *g, float *sum, const float *part, int64_t n);

#ifdef __cplusplus
}
#endif
#endif
