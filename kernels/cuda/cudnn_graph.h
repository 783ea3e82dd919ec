/* cudnn_graph.h — one convolution as a plan of cuDNN, for a handle or, without a device, for the
 * description of one. */
#ifndef SEMISAM_CUDNN_GRAPH_H
#define SEMISAM_CUDNN_GRAPH_H
#include "libs_api.h"
#include "support/conv_shape.h"

#if SS_HAS_CUDNN
/* What a plan is made for. Zeroed before it is filled: it is compared as bytes. */
typedef struct ss_dnn_conv {
    int64_t n, c, o, groups, x[3], k[3], y[3], step[3], pad[3], dilation[3];
    int32_t nd, result; /* ss_conv_result */
    int32_t type;       /* of x, w and y; of the result, which is f32 when it is w: see out_type */
    int32_t out_type;
    int32_t align; /* of the least aligned of the three, in bytes, at most 16 */
    int32_t pad_;
} ss_dnn_conv;

/* Either a handle or the description of a device (CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR). */
typedef struct ss_dnn_target {
    cudnnHandle_t handle;
    cudnnBackendDescriptor_t device;
} ss_dnn_target;

typedef struct ss_dnn_plan {
    cudnnBackendDescriptor_t plan; /* NULL: there is none */
    int64_t workspace;
    int tried; /* engines looked at */
} ss_dnn_plan;

enum { SS_DNN_ID_X = 1, SS_DNN_ID_W, SS_DNN_ID_Y };

void ss_dnn_conv_of(ss_dnn_conv *k, const ss_conv *q, ss_conv_result result, ss_dtype type,
                    ss_dtype out_type, int align);

/* ss_dnn_plan_make() — the first plan the library offers that needs at most `most` bytes, gives the
 * same bits every time, sums in f32 (without TF32 for f32) and needs no compiler at run time. No
 * such plan is no failure: p->plan is NULL. */
cudnnStatus_t ss_dnn_plan_make(const ss_dnn_functions *f, const ss_dnn_target *t,
                               const ss_dnn_conv *k, int64_t most, ss_dnn_plan *p);
void ss_dnn_plan_drop(const ss_dnn_functions *f, ss_dnn_plan *p);
/* Queues it on the handle's stream; data has x, w, y. */
cudnnStatus_t ss_dnn_plan_run(const ss_dnn_functions *f, cudnnHandle_t h, const ss_dnn_plan *p,
                              void *const data[3], void *work);
#endif
#endif
