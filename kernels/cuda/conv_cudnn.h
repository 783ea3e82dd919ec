/* conv_cudnn.h — the plans of a device that are kept. C only. */
#ifndef SEMISAM_CUDA_CONV_CUDNN_H
#define SEMISAM_CUDA_CONV_CUDNN_H
#include "conv.h"
#include "cudnn_graph.h"
#include "libs.h"

#if SS_HAS_CUDNN

/* ss_conv_dnn_plan() — the plan for k, made within `work` bytes when it is first asked for. NULL
 * without memory; a plan that the library does not have is an entry too, see ss_conv_dnn_runs. */
const ss_dnn_plan *ss_conv_dnn_plan(ss_call *c, ss_libs *l, const ss_dnn_conv *k, size_t work);
static inline bool ss_conv_dnn_runs(const ss_dnn_plan *p, size_t work)
{
    return p->plan && (size_t)p->workspace <= work;
}
/* data has x, w, y. */
ss_status ss_conv_dnn_run(ss_call *c, ss_libs *l, const ss_dnn_plan *p, void *const data[3],
                          void *work);
/* The alignment, at most 16, of addresses and steps or-ed together. */
int ss_conv_dnn_align(uintptr_t places);

#endif
#endif
