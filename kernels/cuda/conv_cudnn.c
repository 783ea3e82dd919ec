/* conv_cudnn.c — convolutions through cuDNN: plans are kept by shape, those that do not exist too.
 */
#include "conv_cudnn.h"
#include <stdlib.h>
#include <string.h>

#if SS_HAS_CUDNN

enum { SLOTS = 256 };

typedef struct entry {
    struct entry *next;
    ss_dnn_conv key;
    size_t work; /* that it was made within */
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

const ss_dnn_plan *ss_conv_dnn_plan(ss_call *c, ss_libs *l, const ss_dnn_conv *k, size_t work)
{
    const ss_dnn_target t = {.handle = l->dnn_handle};
    if (!l->conv && !(l->conv = calloc(1, sizeof *l->conv))) goto memory;
    entry **at = &l->conv->slot[slot_of(k)];
    for (entry *e = *at; e; e = e->next)
        if (e->work == work && memcmp(&e->key, k, sizeof *k) == 0) return &e->plan;
    entry *e = calloc(1, sizeof *e);
    if (!e) goto memory;
    e->key = *k, e->work = work;
    /* What the library refuses has no plan: the other way reports what is wrong with it. */
    if (ss_dnn_plan_make(l->dnn, &t, k, (int64_t)work, &e->plan)) e->plan.plan = NULL;
    e->next = *at;
    *at = e;
    return &e->plan;
memory:
    ss_fail(c, SS_E_NOMEM, "out of memory for a convolution");
    return NULL;
}

int ss_conv_dnn_align(uintptr_t places)
{
    int a = 16;
    while (places % (uintptr_t)a) a /= 2;
    return a;
}

ss_status ss_conv_dnn_run(ss_call *c, ss_libs *l, const ss_dnn_plan *p, void *const data[3],
                          void *work)
{
    const cudnnStatus_t st = ss_dnn_plan_run(l->dnn, l->dnn_handle, p, data, work);
    return st == CUDNN_STATUS_SUCCESS
               ? SS_OK
               : ss_fail(c, SS_E_CUDA, "cuDNN failed: %s", l->dnn->cudnnGetErrorString(st));
}

ss_status ss_conv_by_cudnn(ss_call *c, ss_gpu *g, const ss_conv_job *r, bool *done)
{
    ss_libs *l = ss_libs_with_dnn(c, g);
    ss_dnn_conv k;
    *done = false;
    if (!l) return SS_E_NOMEM;
    if (!l->dnn) return SS_OK;
    const uintptr_t places = (uintptr_t)r->x | (uintptr_t)r->w | (uintptr_t)r->y;
    ss_dnn_conv_of(&k, r->q, r->a->result, r->t, r->t, ss_conv_dnn_align(places));
    const ss_dnn_plan *p = ss_conv_dnn_plan(c, l, &k, r->work_bytes);
    if (!p) return SS_E_NOMEM;
    if (!ss_conv_dnn_runs(p, r->work_bytes)) return SS_OK;
    const ss_status st = ss_conv_dnn_run(c, l, p, (void *const[]){r->x, r->w, r->y}, r->work);
    *done = !st;
    return st;
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
