/* libs.c — opens cuBLASLt and cuDNN for a device. */
#include "libs.h"
#include <stdio.h>
#include <stdlib.h>

static ss_libs *libs_of(ss_call *c, ss_gpu *g)
{
    if (!g->libs) g->libs = calloc(1, sizeof(ss_libs));
    if (!g->libs) ss_fail(c, SS_E_NOMEM, "out of memory for the CUDA libraries");
    return g->libs;
}

static void try_lt(ss_libs *l)
{
    l->lt_tried = true;
#if SS_HAS_CUBLASLT
    const ss_lt_functions *lt = ss_lt_load(l->lt_why, sizeof l->lt_why);
    if (!lt) return;
    const cublasStatus_t st = lt->cublasLtCreate(&l->lt_handle);
    if (st == CUBLAS_STATUS_SUCCESS)
        l->lt = lt;
    else
        snprintf(l->lt_why, sizeof l->lt_why, "cuBLASLt did not start (status %d)", (int)st);
#else
    snprintf(l->lt_why, sizeof l->lt_why, "this build has no cuBLASLt: its header was missing");
#endif
}

static void try_dnn(ss_gpu *g, ss_libs *l)
{
    l->dnn_tried = true;
#if SS_HAS_CUDNN
    enum { LAST_BEFORE_TURING = 91099 }; /* 9.11 dropped cards below sm_75 */
    const ss_dnn_functions *d = ss_dnn_load(l->dnn_why, sizeof l->dnn_why);
    if (!d) return;
    const size_t version = d->cudnnGetVersion();
    if (g->capability < 75 && version > LAST_BEFORE_TURING) {
        snprintf(l->dnn_why, sizeof l->dnn_why,
                 "cuDNN %zu.%zu does not support sm_%d; 9.10 is the last that does",
                 version / 10000, version / 100 % 100, g->capability);
        return;
    }
    cudnnStatus_t st = d->cudnnCreate(&l->dnn_handle);
    if (st == CUDNN_STATUS_SUCCESS && (st = d->cudnnSetStream(l->dnn_handle, g->stream)))
        d->cudnnDestroy(l->dnn_handle);
    if (st == CUDNN_STATUS_SUCCESS)
        l->dnn = d;
    else
        snprintf(l->dnn_why, sizeof l->dnn_why, "cuDNN did not start: %s",
                 d->cudnnGetErrorString(st));
#else
    (void)g;
    snprintf(l->dnn_why, sizeof l->dnn_why, "this build has no cuDNN: its header was missing");
#endif
}

ss_libs *ss_libs_with_lt(ss_call *c, ss_gpu *g)
{
    ss_libs *l = libs_of(c, g);
    if (!l) return NULL;
    if (!l->lt_tried) try_lt(l);
    if (!l->lt_why[0]) return l;
    ss_fail(c, SS_E_DEVICE, "%s", l->lt_why);
    return NULL;
}

ss_libs *ss_libs_with_dnn(ss_call *c, ss_gpu *g)
{
    ss_libs *l = libs_of(c, g);
    if (l && !l->dnn_tried) try_dnn(g, l);
    return l;
}

void ss_libs_close(ss_gpu *g)
{
    ss_libs *l = g->libs;
    if (!l) return;
    ss_gemm_close(l);
    ss_conv_close(l);
#if SS_HAS_CUBLASLT
    if (l->lt) l->lt->cublasLtDestroy(l->lt_handle);
#endif
#if SS_HAS_CUDNN
    if (l->dnn) l->dnn->cudnnDestroy(l->dnn_handle);
#endif
    free(l);
    g->libs = NULL;
}
