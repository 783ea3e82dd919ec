/* conv_cudnn.c — convolutions through cuDNN: plans are kept by shape, those that do not exist too.
 */
#include "conv.h"
#include "cudnn_graph.h"
#include "libs.h"
#include <stdlib.h>
#include <string.h>

#if SS_HAS_CUDNN

enum { SLOTS = 256 };

typedef struct entry {
    struct entry *next;
    ss_dnn_conv key;
    ss_dnn_plan plan;
} entry;

struct ss_conv_cache {
    entry *slot[SLOTS];
};

void ss_conv_close(ss_libs *l)
{
    for (int i = 0; l->conv && i < SLOTS; i++)
        while (l->conv->slot[i]) {
            entry *e = l->conv->slot[i];
            l->conv->slot[i] = e->next;
            ss_dnn_plan_drop(l->dnn, &e->plan);
            free(e);
        }
    free(l->conv);
    l->conv = NULL;
}

static size_t slot_of(const ss_dnn_conv *k)
{
    const unsigned char *p = (const unsigned char *)k;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < sizeof *k; i++) h = (h ^ p[i]) * 0x100000001b3u;
    return (size_t)(h >> 20) % SLOTS;
}

static entry *find(ss_call *c, ss_libs *l, const ss_dnn_conv *k, size_t work)
{
    const ss_dnn_target t = {.handle = l->dnn_handle};
    if (!l->conv && !(l->conv = calloc(1, sizeof *l->conv))) goto memory;
    entry **at = &l->conv->slot[slot_of(k)];
    for (entry *e = *at; e; e = e->next)
        if (memcmp(&e->key, k, sizeof *k) == 0) return e;
    entry *e = calloc(1, sizeof *e);
    if (!e) goto memory;
    e->key = *k;
    /* What the library refuses has no plan: the other way reports what is wrong with it. */
    if (ss_dnn_plan_make(l->dnn, &t, k, (int64_t)work, &e->plan)) e->plan.plan = NULL;
    e->next = *at;
    return *at = e;
memory:
    ss_fail(c, SS_E_NOMEM, "out of memory for a convolution");
    return NULL;
}

static int alignment(const ss_conv_job *r)
{
    const uintptr_t all = (uintptr_t)r->x | (uintptr_t)r->w | (uintptr_t)r->y;
    int a = 16;
    while (all % (uintptr_t)a) a /= 2;
    return a;
}

ss_status ss_conv_by_cudnn(ss_call *c, ss_gpu *g, const ss_conv_job *r, bool *done)
{
    ss_libs *l = ss_libs_with_dnn(c, g);
    ss_dnn_conv k;
    *done = false;
    if (!l) return SS_E_NOMEM;
    if (!l->dnn) return SS_OK;
    ss_dnn_conv_of(&k, r->q, r->a->result, r->t, r->t, alignment(r));
    const entry *e = find(c, l, &k, r->work_bytes);
    if (!e) return SS_E_NOMEM;
    if (!e->plan.plan || (size_t)e->plan.workspace > r->work_bytes) return SS_OK;
    const cudnnStatus_t st = ss_dnn_plan_run(l->dnn, l->dnn_handle, &e->plan,
                                             (void *const[]){r->x, r->w, r->y}, r->work);
    *done = st == CUDNN_STATUS_SUCCESS;
    return *done ? SS_OK
                 : ss_fail(c, SS_E_CUDA, "cuDNN failed: %s", l->dnn->cudnnGetErrorString(st));
}

#else

void ss_conv_close(ss_libs *l)
{
    (void)l;
}
ss_status ss_conv_by_cudnn(ss_call *c, ss_gpu *g, const ss_conv_job *r, bool *done)
{
    (void)c, (void)g, (void)r;
    *done = false;
    return SS_OK;
}

#endif
